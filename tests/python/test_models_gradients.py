"""Gradient sums and the KeepZeros constraint agree with plain formulas."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.models.gradients import mean_gradients, mean_square_gradients

ROWS, WIDTH, CLASSES = 23, 7, 4
# Float32 sums of a few dozen products.
RELATIVE = 1e-5


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, WIDTH)), rng.integers(0, CLASSES, ROWS)


def softmax_model(**settings):
    model = gw.Sequential([gw.layers.Dense(CLASSES, activation="softmax", name="out", **settings)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.build((None, WIDTH))
    return model


def logits_gradient(model, x, y):
    return model.predict(x, verbose=0).astype(np.float64) - np.eye(CLASSES)[y]


@pytest.mark.parametrize("batch_size", [1, 5, ROWS, 100])
def test_mean_gradients_agree_with_a_softmax_formula(data, batch_size):
    x, y = data
    model = softmax_model(seed=1)
    found = mean_gradients(model, x, y, batch_size)["out"]
    d_logits = logits_gradient(model, x, y)
    np.testing.assert_allclose(found["kernel"], x.T @ d_logits / ROWS, RELATIVE, 1e-7)
    np.testing.assert_allclose(found["bias"], d_logits.mean(0), RELATIVE, 1e-7)


def test_mean_square_gradients_agree_with_the_empirical_fisher_diagonal(data):
    x, y = data
    model = softmax_model(seed=1)
    found = mean_square_gradients(model, x, y)["out"]
    each = x[:, :, None] * logits_gradient(model, x, y)[:, None, :]
    np.testing.assert_allclose(found["kernel"], (each**2).mean(0), RELATIVE)


def test_computing_gradients_leaves_the_model_unchanged(data):
    x, y = data
    model = gw.Sequential(
        [
            gw.SparseExpertLayer(CLASSES, num_experts=4, k=1, balance=gw.balance.Bias(0.1), seed=2),
            gw.layers.Dropout(0.5),
            gw.layers.Activation("softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    mean_gradients(model, x, y)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.optimizer.iterations == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"balance": gw.balance.Bias(0.5)},
        {"router": gw.routers.SigmoidTopK(1), "balance": gw.balance.Bias(0.5)},
        {"router": gw.routers.NoisyTopK(1), "balance": None},
    ],
    ids=["bias", "sigmoid bias", "noise"],
)
def test_gradients_are_those_of_the_routing_of_predictions(data, settings):
    x, y = data
    layer = gw.SparseExpertLayer(CLASSES, num_experts=4, k=1, seed=2, name="e", **settings)
    model = gw.Sequential([layer, gw.layers.Activation("softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    # A choice that moved from batch to batch, or noise, would make a difference.
    one_by_one, together = (mean_gradients(model, x, y, size)["e"] for size in (1, ROWS))
    assert any(np.abs(value).max() > 1e-3 for value in together.values())
    for name, value in together.items():
        np.testing.assert_allclose(one_by_one[name], value, 1e-3, 1e-6, err_msg=name)


def test_inactive_experts_have_no_gradient(data):
    x, y = data
    layer = gw.SparseExpertLayer(
        CLASSES, num_experts=4, router=gw.routers.TopK(1), activation="softmax", seed=2, name="e"
    )
    layer.compile("sgd", "sparse_categorical_crossentropy")
    layer.predict(x, verbose=0)
    inactive = layer.load(x[:3]).rows == 0
    kernel = mean_gradients(layer.as_model(), x[:3], y[:3])["e"]["kernel"]
    np.testing.assert_array_equal((kernel == 0).all((1, 2)), inactive)
    assert inactive.any() and not inactive.all()


def repeated_model(**settings):
    """A model that uses one layer twice, so that its gradients are summed before the update."""
    layer = gw.layers.Dense(CLASSES, name="twice", seed=1, **settings)
    x = gw.Input(shape=(CLASSES,))
    model = gw.Model(x, gw.layers.Activation("softmax")(layer(layer(x))))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("make", [softmax_model, repeated_model])
def test_gradients_exclude_penalties_and_include_kept_zeros(data, make):
    x, y = data
    plain = make()
    width = plain.input_shape[-1]
    hidden = make(kernel_constraint="keep_zeros", kernel_regularizer=gw.regularizers.L1L2(0.5, 0.5))
    grouped = make(kernel_regularizer=gw.regularizers.GroupL1(0.5))
    sparse_start(plain, seed=1)
    for each in (hidden, grouped):
        each.set_weights(plain.get_weights())
    expected, *found = (
        next(iter(mean_gradients(each, x[:, :width], y, 5).values()))["kernel"]
        for each in (plain, hidden, grouped)
    )
    assert (expected != 0).all()
    for each in found:
        np.testing.assert_array_equal(each, expected)


def test_gradients_need_a_compiled_model(data):
    model = gw.Sequential([gw.layers.Dense(CLASSES)])
    model.build((None, WIDTH))
    with pytest.raises(ValueError, match="model: expected a compiled model"):
        mean_gradients(model, *data)


def sparse_start(model, seed=0):
    kernel, bias = model.get_weights()
    mask = np.random.default_rng(seed).random(kernel.shape) < 0.4
    model.set_weights([np.where(mask, kernel, 0), bias])
    return mask


@pytest.mark.parametrize(
    "optimizer",
    [
        gw.optimizers.SGD(0.1),
        gw.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        gw.optimizers.Adam(0.01),
        gw.optimizers.AdamW(0.01),
        gw.optimizers.Adam(0.01, clipnorm=0.1),
        gw.optimizers.Adam(0.01, global_clipnorm=0.1),
    ],
    ids=str,
)
def test_keep_zeros_trains_only_the_nonzeros(data, optimizer):
    x, y = data
    model = softmax_model(seed=1, kernel_constraint="keep_zeros", kernel_regularizer="l2")
    mask = sparse_start(model)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    before = model.get_weights()[0]
    model.fit(x, y, epochs=5, batch_size=8, verbose=0)
    after = model.get_weights()[0]
    np.testing.assert_array_equal(after != 0, mask)
    assert (after[mask] != before[mask]).all()


def test_keep_zeros_equals_training_without_the_input(data):
    x, y = data
    without = x.copy()
    without[:, 0] = 0
    model, other = softmax_model(kernel_constraint="keep_zeros", seed=1), softmax_model(seed=1)
    kernel, bias = model.get_weights()
    kernel[0] = 0
    for each, rows in ((model, x), (other, without)):
        each.set_weights([kernel, bias])
        each.compile("adam", "sparse_categorical_crossentropy")
        each.fit(rows, y, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])


def test_clipping_excludes_the_gradients_of_kept_zeros(data):
    x, y = data
    model = softmax_model(kernel_constraint="keep_zeros", seed=1)
    mask = sparse_start(model)
    gradient = mean_gradients(model, x, y)["out"]["kernel"]
    before = model.get_weights()[0]
    clip = float(np.linalg.norm(gradient[mask])) / 2
    model.compile(gw.optimizers.SGD(1.0, clipnorm=clip), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    step = before - model.get_weights()[0]
    np.testing.assert_allclose(step[mask], gradient[mask] / 2, 1e-4, 1e-7)


def test_a_constraint_can_be_set_and_removed(data):
    x, y = data
    layer = gw.layers.Dense(CLASSES, activation="softmax", seed=1)
    model = gw.Sequential([layer])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.build((None, WIDTH))
    mask = sparse_start(model)
    layer.kernel_constraint = gw.constraints.KeepZeros()
    model.fit(x, y, verbose=0)
    assert ((model.get_weights()[0] != 0) == mask).all()
    layer.kernel_constraint = None
    model.fit(x, y, verbose=0)
    assert (model.get_weights()[0] != 0).all()


def test_constraints_are_saved(tmp_path, data):
    model = softmax_model(kernel_constraint=gw.constraints.KeepZeros(), seed=1)
    mask = sparse_start(model)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    loaded.fit(*data, verbose=0)
    np.testing.assert_array_equal(loaded.get_weights()[0] != 0, mask)


def test_unknown_constraints_are_refused():
    message = r"kernel_constraint: expected one of keep_zeros, .*; got 'n'"
    with pytest.raises(ValueError, match=message):
        gw.layers.Dense(2, kernel_constraint="n")
