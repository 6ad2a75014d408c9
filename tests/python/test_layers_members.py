"""Ensembles whose members are one model: `MemberScale` and `MemberDense`."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise import _core
from gatewise.layers import Dense, MemberDense, MemberScale

M = 3


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(20, 5)).astype(np.float32)
    return x, random.integers(4, size=20).astype(np.int32)


@pytest.fixture
def _restored_threads():
    yield
    gw.set_num_threads(None)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def ensemble(activation="softmax", loss="sparse_categorical_crossentropy", optimizer=None, **head):
    layers = [MemberScale(M), Dense(6, "tanh"), MemberDense(4, M, activation, **head)]
    for seed, layer in enumerate(layers):
        layer.seed = seed
    model = gw.Sequential([gw.Input((5,)), *layers])
    model.compile(optimizer or gw.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    return model


def member_outputs(model, x):
    """(M, n, C), in NumPy."""
    scale, head = model.layers[0].named_weights()["scale"], model.layers[2].named_weights()
    kernel, bias = model.layers[1].get_weights()
    hidden = np.tanh((x * scale[:, None]) @ kernel + bias)
    return softmax(hidden @ head["kernel"] + head["bias"][:, None])


def test_a_prediction_is_the_mean_over_the_members(data):
    x, _ = data
    model = ensemble()
    assert set(np.unique(model.layers[0].named_weights()["scale"])) == {-1, 1}
    expected = member_outputs(model, x).mean(axis=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    np.testing.assert_array_equal(
        model.predict(x, batch_size=7, verbose=0), model.predict(x, verbose=0)
    )


def test_the_training_loss_is_the_mean_of_the_members_losses(data):
    x, y = data
    model = ensemble()
    found = model.train_on_batch(x, y)
    each = member_outputs(model, x)
    losses = -np.log(each[:, np.arange(20), y])
    accuracy = (each.mean(axis=0).argmax(axis=1) == y).mean()
    np.testing.assert_allclose(found, [losses.mean(), accuracy], rtol=1e-5)


def test_an_evaluation_is_that_of_the_mean(data):
    x, y = data
    model = ensemble()
    mean = member_outputs(model, x).mean(axis=0)
    loss = -np.log(mean[np.arange(20), y]).mean()
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0)[0], loss, rtol=1e-5)
    np.testing.assert_allclose(model.test_on_batch(x, y)[0], loss, rtol=1e-5)


def test_gradients_agree_with_finite_differences(data):
    x, y = data
    rate, step = 0.125, 0.02
    model, trained = ensemble(), ensemble(optimizer=gw.optimizers.SGD(rate))
    trained.train_on_batch(x, y)
    before, after = model.get_weights(), trained.get_weights()
    for at, (values, updated) in enumerate(zip(before, after, strict=True)):
        found = (values - updated) / rate
        for index in np.ndindex(*values.shape):
            losses = []
            for sign in (1, -1):
                moved = [each.copy() for each in before]
                moved[at][index] += sign * step
                model.set_weights(moved)
                losses.append(model.train_on_batch(x, y)[0])
            expected = (losses[0] - losses[1]) / (2 * step)
            assert found[index] == pytest.approx(expected, abs=2e-4)


def test_members_without_shared_weights_train_like_separate_models(data):
    x, y = data
    rate = 0.25
    head = MemberDense(4, M, "softmax", seed=1)
    model = gw.Sequential([gw.Input((5,)), head])
    model.compile(gw.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    kernel, bias = (each.copy() for each in head_weights(model))
    separate = []
    for m in range(M):
        alone = gw.Sequential([gw.Input((5,)), Dense(4, "softmax")])
        alone.set_weights([kernel[m], bias[m]])
        alone.compile(gw.optimizers.SGD(rate / M), "sparse_categorical_crossentropy")
        alone.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
        separate.append(alone)
    model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for m in range(M):
        for found, expected in zip(head_weights(model), separate[m].get_weights(), strict=True):
            np.testing.assert_allclose(found[m], expected, atol=1e-6)


def head_weights(model):
    return model.layers[-1].get_weights()


def test_rows_of_weight_zero_take_no_part(data):
    x, y = data
    weights = np.ones(20)
    weights[::3] = 0
    optimizer = gw.optimizers.SGD(0.5)
    with_zeros, without = ensemble(optimizer=optimizer), ensemble(optimizer=gw.optimizers.SGD(0.5))
    found = with_zeros.train_on_batch(x, y, sample_weight=weights)
    kept = weights > 0
    expected = without.train_on_batch(x[kept], y[kept])
    assert found[0] == pytest.approx(expected[0] * kept.mean(), rel=1e-5)
    before = ensemble()  # metrics count all rows
    accuracy = (member_outputs(before, x).mean(axis=0).argmax(axis=1) == y).mean()
    assert found[1] == pytest.approx(accuracy)


def test_regression_and_rows_of_sequences(data):
    x, _ = data
    sequences = x.reshape(5, 4, 5)
    y = sequences[..., :4] * 2
    predictions = []
    for shape, rows, targets in (((4, 5), sequences, y), ((5,), x, y.reshape(20, 4))):
        gw.utils.set_random_seed(0)
        layers = [MemberScale(M), Dense(6, "tanh"), MemberDense(4, M)]
        model = gw.Sequential([gw.Input(shape), *layers])
        model.compile(gw.optimizers.Adam(0.02), "mse")
        losses = model.fit(rows, targets, batch_size=20, epochs=200, verbose=0).history["loss"]
        assert losses[-1] < 0.2 * losses[0]
        predictions.append(model.predict(rows, verbose=0).reshape(20, 4))
    np.testing.assert_allclose(*predictions, atol=1e-3)


@pytest.mark.usefixtures("_restored_threads")
def test_training_has_the_same_bits_for_any_number_of_threads(data):
    x, y = data
    weights = []
    for threads in (1, 2, 3):
        gw.set_num_threads(threads)
        gw.utils.set_random_seed(0)
        layers = [
            MemberScale(M),
            gw.SparseExpertLayer(7, 6, 2, gw.experts.MLP(9), activation="relu"),
            MemberDense(4, M, "softmax"),
        ]
        model = gw.Sequential([gw.Input((5,)), *layers])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=5, batch_size=8, verbose=0)
        weights.append([*model.get_weights(), model.predict(x, verbose=0)])
    for other in weights[1:]:
        for found, expected in zip(other, weights[0], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_experts_count_the_rows_of_all_members(data):
    x, y = data
    layer = gw.SparseExpertLayer(7, 6, 2)
    model = gw.Sequential([gw.Input((5,)), MemberScale(M), layer, MemberDense(4, M, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert layer.load_.rows.sum() == 2 * M * len(x)


def test_gradients_of_inputs_are_those_of_the_mean(data):
    x, _ = data
    model = ensemble("linear", "mse")
    network = model._training.require_network()
    found = _core.input_gradients(network, [x], 1)[0]
    step = 0.01
    for column in range(5):
        moved = [x.copy(), x.copy()]
        moved[0][:, column] += step
        moved[1][:, column] -= step
        up, down = (model.predict(each, verbose=0)[:, 1] for each in moved)
        np.testing.assert_allclose(found[:, column], (up - down) / (2 * step), atol=1e-4)


def test_an_ensemble_is_saved_and_loaded(data, tmp_path):
    x, y = data
    model = ensemble(optimizer="adam", kernel_initializer="he_normal")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    assert loaded.layers[2].get_config() == model.layers[2].get_config()
    model.fit(x, y, verbose=0, shuffle=False)
    loaded.fit(x, y, verbose=0, shuffle=False)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_different_counts_of_members_are_refused():
    with pytest.raises(ValueError, match=r"members: expected the same count .*, got 3 and 2"):
        gw.Sequential([gw.Input((5,)), MemberScale(3), MemberDense(4, 2)])


@pytest.mark.parametrize("make", [lambda m: MemberScale(m), lambda m: MemberDense(2, m)])
@pytest.mark.parametrize("members", [0, -1, 1.5])
def test_a_count_below_one_is_refused(make, members):
    with pytest.raises((TypeError, ValueError), match="members: expected an integer"):
        make(members)


def test_sparse_rows_are_refused(data):
    x, _ = data
    for layer in (MemberScale(M), MemberDense(2, M)):
        with pytest.raises(ValueError, match="expected dense rows, got a sparse matrix"):
            gw.Sequential([gw.Input((5,)), layer]).predict(csr_array(x), verbose=0)


def own_experts(rate=None, **settings):
    """An ensemble whose members have routers and experts of their own."""
    layer = gw.SparseExpertLayer(
        4, 5, 2, gw.experts.MLP(6), activation="softmax", members=M, seed=3, **settings
    )
    model = gw.Sequential([gw.Input((5,)), layer])
    optimizer = gw.optimizers.SGD(rate) if rate else "adam"
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def copy_of_member(model, m, rate, **settings):
    """A model of one member, with its weights."""
    alone = gw.SparseExpertLayer(4, 5, 2, gw.experts.MLP(6), activation="softmax", **settings)
    copy = gw.Sequential([gw.Input((5,)), alone])
    named = model.layers[0].named_weights()
    weights = []
    for parameter in alone.parameters():
        name = parameter.name
        if name in named:
            weights.append(named[name][5 * m : 5 * m + 5])
        else:
            weights.append(named[f"member_{m}_{name}"])
    alone.set_weights(weights)
    copy.compile(gw.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return copy


@pytest.mark.parametrize(
    "router", ["top_k", "keys", "sigmoid_top_k", gw.routers.TopK(normalize=False)]
)
@pytest.mark.parametrize("balance", ["auto", "aux_loss"])
def test_members_with_experts_of_their_own_train_like_separate_models(data, router, balance):
    x, y = data
    rate = 0.25
    settings = {"router": router, "balance": balance}
    model = own_experts(rate, **settings)
    separate = [copy_of_member(model, m, rate / M, **settings) for m in range(M)]
    before = [each.predict(x, verbose=0) for each in separate]
    np.testing.assert_allclose(model.predict(x, verbose=0), np.mean(before, axis=0), atol=1e-6)
    fit = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0}
    found = model.fit(x, y, **fit).history["loss"]
    expected = np.mean([each.fit(x, y, **fit).history["loss"] for each in separate], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    after = np.mean([each.predict(x, verbose=0) for each in separate], axis=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), after, atol=1e-5)
    assert np.abs(after - np.mean(before, axis=0)).max() > 1e-3
    for m, each in enumerate(separate):
        rows, indices = slice(20 * m, 20 * m + 20), each.layers[0].routing(x)[0]
        np.testing.assert_array_equal(model.layers[0].routing(x)[0][rows], indices + 5 * m)


def test_the_load_of_experts_of_members_is_that_of_all(data, tmp_path):
    x, y = data
    model = own_experts()
    model.fit(x, y, verbose=0)
    layer = model.layers[0]
    assert layer.load_.rows.shape == layer.load(x).rows.shape == (M * 5,)
    assert layer.load_.rows.reshape(M, 5).sum(axis=1).tolist() == [40] * M
    assert "3 x 5 MLP(6), k=2" in layer.describe()
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert loaded.layers[0].members == M
    model.fit(x, y, verbose=0)
    loaded.fit(x, y, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_members_draw_noise_of_their_own(data):
    x, y = data
    router = gw.routers.TopK(initial_scale=0.0, noise=1.0)
    model = own_experts(router=router)
    names = [name for name in model.layers[0].named_weights() if "router_kernel" in name]
    assert names == [f"member_{m}_router_kernel" for m in range(M)]
    model.train_on_batch(x, y)
    counts = model.layers[0].native.training_load().reshape(M, 5)
    assert not np.array_equal(counts[0], counts[1])


def test_experts_of_members_take_sparse_rows(data):
    x, _ = data
    model = own_experts()
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(csr_array(x), verbose=0), expected, atol=1e-6)


def test_scores_from_sums_of_outputs_are_refused_for_members():
    with pytest.raises(ValueError, match=r"router: expected one without .* sums of outputs"):
        gw.SparseExpertLayer(3, router="output_sum", members=2)(np.ones((4, 5)))
