"""OutputSum scores: sums of expert outputs, computed from column sums that follow the kernels."""

import pickle

import numpy as np
import pytest

import gatewise as gw
from gatewise import routers

pytestmark = pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning")


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).uniform(0.1, 1, size=(64, 6)).astype(np.float32)


def make_layer(combine="softmax", **options):
    router = routers.OutputSum(2, combine=combine)
    return gw.SparseExpertLayer(
        4, num_experts=5, router=router, seed=1, **{"balance": None, **options}
    )


def chosen_by_outputs(layer, x):
    """The two experts of largest output sum, and all outputs, in float64."""
    weights = {name: value.astype(np.float64) for name, value in layer.named_weights().items()}
    outputs = np.einsum("nd,edu->neu", x.astype(np.float64), weights["kernel"]) + weights["bias"]
    return np.argsort(-outputs.sum(axis=2), axis=1)[:, :2], outputs


def assert_sums_are_true(layer, x):
    np.testing.assert_array_equal(layer.routing(x)[0], chosen_by_outputs(layer, x)[0])


def test_the_layer_is_the_weighted_sum_of_the_experts_with_the_largest_outputs(x):
    for combine in ("softmax", "sum"):
        layer = make_layer(combine)
        y = layer(x)
        chosen, outputs = chosen_by_outputs(layer, x)
        kept = np.take_along_axis(outputs, chosen[:, :, None], axis=1)
        scores = kept.sum(axis=2)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        if combine == "sum":
            weights = np.ones_like(weights)
        # Float32 sums of 6 products and 4 outputs.
        np.testing.assert_allclose(
            y, (weights[:, :, None] * kept).sum(axis=1), rtol=2e-5, atol=1e-6
        )


@pytest.mark.parametrize("dense_updates", [False, True])
def test_output_sums_follow_training(x, dense_updates):
    layer = make_layer(kernel_regularizer=gw.regularizers.GroupL1(0.01, groups="unit"))
    optimizer = gw.optimizers.Adam(0.05, weight_decay=0.1, dense_updates=dense_updates)
    layer.compile(optimizer, "mse")
    layer.fit(x, np.random.default_rng(1).normal(size=(64, 4)), batch_size=8, epochs=3, verbose=0)
    assert_sums_are_true(layer, x)


def test_output_sums_follow_every_way_of_setting_weights(x, tmp_path):
    layer = make_layer()
    layer(x)
    rng = np.random.default_rng(2)
    layer.set_weights([rng.normal(size=each.shape) for each in layer.get_weights()])
    assert_sums_are_true(layer, x)
    model = gw.Sequential([gw.Input((6,)), layer])
    model.save(tmp_path / "m.gatewise")
    for copy in (gw.load_model(tmp_path / "m.gatewise"), pickle.loads(pickle.dumps(model))):
        assert_sums_are_true(copy.layers[-1], x)
        np.testing.assert_array_equal(copy.predict(x), model.predict(x))


def test_quantized_output_sums_agree_with_the_quantized_kernels(x):
    layer = make_layer()
    layer(x)
    for kind in ("bfloat16", "int8"):
        assert_sums_are_true(layer.quantize(kind), x)


def make_pair(x):
    """Two layers whose expert 2 is never chosen; in the second its huge weights sum to 0."""
    layers = []
    for huge in (0.0, 3e38):
        layer = make_layer()
        layer(x)
        weights = layer.named_weights()
        weights["bias"][2] = -100
        weights["kernel"][2] = 0
        weights["kernel"][2, :, :2] = [huge, -huge]
        layer.set_weights(list(weights.values()))
        assert layer.load(x).rows[2] == 0
        layers.append(layer)
    return layers


def test_an_inactive_expert_is_not_computed(x):
    clean, with_nan = make_pair(x)
    np.testing.assert_array_equal(with_nan(x), clean(x))
    assert np.isfinite(clean(x)).all()


def test_an_inactive_expert_is_not_updated(x):
    clean, with_nan = make_pair(x)
    y = np.random.default_rng(1).normal(size=(64, 4))
    before = with_nan.named_weights()
    for layer in (clean, with_nan):
        layer.compile("adam", "mse")
        layer.fit(x, y, batch_size=16, epochs=1, shuffle=False, verbose=0)
    assert with_nan.load_.rows[2] == 0
    for name, value in with_nan.named_weights().items():
        np.testing.assert_array_equal(value[2], before[name][2])
        others = np.arange(5) != 2
        np.testing.assert_array_equal(value[others], clean.named_weights()[name][others])


def test_experts_are_trained_through_their_scores(x):
    # With softmax, the gradient of the weights adds to that of the outputs.
    moved = {}
    for combine in ("softmax", "sum"):
        layer = make_layer(combine)
        layer.compile(gw.optimizers.SGD(0.1), "mse")
        layer(x)
        before = layer.get_weights()[0]
        layer.train_on_batch(x, np.zeros((64, 4)))
        moved[combine] = np.abs(layer.get_weights()[0] - before).max()
    assert moved["softmax"] > 0
    assert moved["sum"] > 0


def test_training_has_the_same_bits_for_any_thread_count(x):
    y = np.random.default_rng(1).normal(size=(64, 4))
    results = []
    for threads in (1, 2):
        gw.set_num_threads(threads)
        layer = make_layer()
        layer.compile("adam", "mse")
        layer.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0)
        results.append(layer.predict(x))
    gw.set_num_threads(None)
    np.testing.assert_array_equal(*results)
