"""`SparseExpertModel`: three scores, two ways to combine, and accuracy."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from digits import load_digits

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


FORMS = [("router", "softmax"), ("router", "sum"), ("output_sum", "softmax"), ("output_sum", "sum")]
FORMS += [("key", "softmax")]


@pytest.mark.parametrize(("score", "combine"), FORMS)
def test_the_output_combines_only_the_chosen_experts(x, score, combine):
    model = gw.SparseExpertModel(5, 6, 3, k=2, score=score, combine=combine, activation="softmax")
    weights = {
        name: value.astype(np.float64) for name, value in model.layers[0].named_weights().items()
    }
    outputs = np.einsum("nd,edu->neu", x, weights["kernel"]) + weights["bias"]
    if score == "router":
        scores = x @ weights["router_kernel"]
    elif score == "key":
        scores = x @ weights["router_projection"] @ weights["router_keys"]
    else:
        scores = outputs.sum(axis=2)
    chosen = np.argsort(-scores, axis=1)[:, :2]
    kept = np.take_along_axis(scores, chosen, axis=1)
    share = np.exp(kept) / np.exp(kept).sum(axis=1, keepdims=True)
    share = share if combine == "softmax" else np.ones_like(share)
    y = (share[:, :, None] * np.take_along_axis(outputs, chosen[:, :, None], axis=1)).sum(axis=1)
    y = np.exp(y - y.max(axis=1, keepdims=True))
    # Float32 sums of a few products, through two softmaxes.
    np.testing.assert_allclose(model(x), y / y.sum(axis=1, keepdims=True), rtol=2e-5, atol=1e-7)
    indices, found = model.routing(x)
    np.testing.assert_array_equal(indices, chosen)
    np.testing.assert_allclose(found, share, rtol=2e-5)
    assert model.expert_load(x).rows.sum() == 80


@pytest.mark.parametrize(("score", "combine"), FORMS)
def test_the_model_is_not_a_single_dense_layer(x, score, combine):
    """A dense layer is affine: it maps the midpoint of two rows to that of their outputs."""
    model = gw.SparseExpertModel(5, 6, 3, k=2, score=score, combine=combine)
    ends, middle = (model(x[:20]) + model(x[20:])) / 2, model((x[:20] + x[20:]) / 2)
    assert np.abs(ends - middle).max() > 0.05


@pytest.mark.parametrize("score", ["router", "key"])
def test_an_inactive_expert_of_nan_changes_no_prediction(x, score):
    model = gw.SparseExpertModel(5, 6, 3, k=1, expert=gw.experts.MLP(4), score=score)
    counts = model.load(x[:1]).rows
    clean = model(x[:1])
    weights = model.layers[0].named_weights()
    for name, value in weights.items():
        if not name.startswith("router"):
            value[counts == 0] = np.nan
    model.layers[0].set_weights(list(weights.values()))
    np.testing.assert_array_equal(model(x[:1]), clean)


def test_expert_units_adds_a_dense_layer_on_the_experts(x):
    model = gw.SparseExpertModel(4, 6, 3, expert=gw.experts.MLP(8), expert_units=5)
    assert [layer.output_shape for layer in model.layers] == [(None, 5), (None, 3)]
    assert model.layers[0].activation == "relu"
    assert model(x).shape == (40, 3)


def test_the_model_can_be_saved_quantized_and_copied(x, tmp_path):
    model = gw.SparseExpertModel(4, 6, 3, score="key", seed=3)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((40, 3)), epochs=1, verbose=0)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert isinstance(loaded, gw.SparseExpertModel)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert model.quantize("int8").predict(x) == pytest.approx(model.predict(x), abs=0.05)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"score: expected 'router', .*, got 'best'"):
        gw.SparseExpertModel(4, 6, 3, score="best")
    with pytest.raises(ValueError, match=r"combine: expected 'softmax' with score 'key'"):
        gw.SparseExpertModel(4, 6, 3, score="key", combine="sum")
    with pytest.raises(ValueError, match=r"k: expected 1 <= k <= num_experts \(4\), got 5"):
        gw.SparseExpertModel(4, 6, 3, k=5)
    with pytest.raises(ValueError, match=r"expert: expected linear experts"):
        gw.SparseExpertModel(4, 6, 3, expert=gw.experts.MLP(4), score="output_sum")
    with pytest.raises(ValueError, match=r"input_dim: expected an integer >= 1, got 0"):
        gw.SparseExpertModel(4, 0, 3)


def held_out_accuracy(make, rate, batch_size, epochs):
    """Mean over three seeds, each with its own split and initial weights."""
    accuracies = []
    for seed in range(3):
        gw.utils.set_random_seed(seed)
        x, y, x_test, y_test = load_digits(seed)
        model = make()
        model.compile(
            gw.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
        accuracies.append(model.evaluate(x_test, y_test, verbose=0)[1])
    return np.mean(accuracies)


BALANCE = {"output_sum": gw.balance.Bias(0.01)}


@pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning")
@pytest.mark.parametrize("score", ["router", "output_sum", "key"])
def test_linear_experts_learn_digits(score):
    balance = BALANCE.get(score, gw.balance.AuxLoss(0.05))
    accuracy = held_out_accuracy(
        lambda: gw.SparseExpertModel(
            16, 784, 10, score=score, activation="softmax", balance=balance
        ),
        rate=2e-3,
        batch_size=64,
        epochs=20,
    )
    # One linear softmax reaches 0.893.
    assert accuracy >= 0.915


@pytest.mark.parametrize("score", ["router", "key"])
def test_experts_with_a_hidden_layer_learn_digits(score):
    accuracy = held_out_accuracy(
        lambda: gw.SparseExpertModel(
            8,
            784,
            10,
            expert=gw.experts.MLP(64),
            expert_units=64,
            score=score,
            activation="softmax",
            balance="aux_loss",
        ),
        rate=1e-3,
        batch_size=32,
        epochs=15,
    )
    assert accuracy >= 0.93


def test_experts_learn_word_categories():
    """Three splits of 9,000 and 3,000 definitions; scikit-learn's MLP(256) reaches 0.664."""
    with np.load(EXAMPLES / "data" / "glosses.npz") as archive:
        x, y = archive["embedding"].astype(np.float32) * np.float32(384**0.5), archive["label"]
    accuracies = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(x))
        training, held_out = order[:9000], order[9000:]
        gw.utils.set_random_seed(seed)
        experts = gw.SparseExpertLayer(
            45,
            num_experts=8,
            k=4,
            expert=gw.experts.MLP(128),
            activation="softmax",
            balance=gw.balance.AuxLoss(0.1),
        )
        model = gw.Sequential([gw.Input((384,)), gw.layers.Dropout(0.5), experts])
        rate = gw.optimizers.schedules.CosineDecay(1e-3, 25 * 141)
        optimizer = gw.optimizers.AdamW(rate, weight_decay=0.1)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x[training], y[training], batch_size=64, epochs=25, verbose=0)
        accuracies.append(model.evaluate(x[held_out], y[held_out], verbose=0)[1])
    assert np.mean(accuracies) >= 0.667


def test_an_ensemble_has_a_head_for_each_member_and_routes_their_rows():
    x = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
    y = np.arange(12) % 3
    model = gw.SparseExpertModel(5, 6, 3, k=2, members=4, seed=1)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    scale, layer, head = model.layers
    assert (scale.members, layer.units, head.members, head.activation) == (4, 64, 4, "softmax")
    indices, weights = model.routing(x)
    assert indices.shape == weights.shape == (48, 2)
    third = layer.routing(x * scale.get_weights()[0][2])
    np.testing.assert_array_equal(indices[24:36], third[0])
    np.testing.assert_array_equal(weights[24:36], third[1])
    assert model.expert_load(x).rows.sum() == 96
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1, rtol=1e-5)


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(ValueError, match="members: expected an integer >= 1, got 0"):
        gw.SparseExpertModel(5, 6, 3, members=0)


@pytest.mark.parametrize("units", [None, 7])
def test_an_ensemble_may_have_experts_for_each_member(units):
    x = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
    model = gw.SparseExpertModel(5, 6, 3, members=4, share_experts=False, expert_units=units)
    assert model.expert_layer.members == 4
    assert len(model.layers) == (1 if units is None else 2)
    assert model.routing(x)[0].shape == (48, 2)
    assert model.expert_load(x).rows.shape == (20,)
    assert model.predict(x, verbose=0).shape == (12, 3)


def test_one_expert_a_row_learns_with_the_default_balance():
    random = np.random.default_rng(0)
    y = random.integers(4, size=2000)
    x = (random.normal(size=(2000, 6)) + 3 * np.eye(4, 6)[y]).astype(np.float32)
    gw.utils.set_random_seed(0)
    model = gw.SparseExpertModel(8, 6, 4, k=1)
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", gw.RoutingCollapseWarning)
        model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95
