"""Inactive experts are neither read nor written, whatever their values."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise import experts, routers


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


_INACTIVE = 2


@pytest.fixture
def x():
    # Positive features, so that an expert with a negative router column is never chosen.
    return np.random.default_rng(0).uniform(0.1, 1, size=(32, 6)).astype(np.float32)


def _pair(x, expert, router, shared_experts=0):
    """Two equal layers; the inactive expert of the second is filled with NaN."""
    layers = []
    for fill in (None, np.nan):
        layer = gw.SparseExpertLayer(
            3,
            num_experts=4,
            expert=expert,
            router=router,
            balance=None,
            shared_experts=shared_experts,
            seed=1,
        )
        layer(x)
        weights = layer.named_weights()
        weights["router_kernel"][:, _INACTIVE] = -10
        for name, value in weights.items():
            if fill is not None and not name.startswith(("router", "shared")):
                value[_INACTIVE] = fill
        layer.set_weights(list(weights.values()))
        layers.append(layer)
    return layers


_EXPERTS = [experts.Linear(), experts.MLP(5), experts.GLU(5, use_bias=True)]
_ROUTERS = [
    routers.TopK(2),
    routers.TopK(2, normalize=False),
    routers.Switch(),
    routers.SigmoidTopK(3),
    routers.TopK(2, combine="sum"),
]


@pytest.mark.parametrize("router", _ROUTERS, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize("expert", _EXPERTS, ids=lambda each: type(each).__name__)
def test_an_inactive_expert_of_nan_is_not_read_in_prediction(x, expert, router):
    clean, with_nan = _pair(x, expert, router, shared_experts=1)
    assert with_nan.load(x).rows[_INACTIVE] == 0
    assert np.array_equal(with_nan(x), clean(x))
    assert np.isfinite(clean(x)).all()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("expert", _EXPERTS, ids=lambda each: type(each).__name__)
def test_an_inactive_expert_of_nan_is_not_read_in_training(x, expert, optimizer):
    pair = _pair(x, expert, routers.TopK(2))
    histories = []
    for layer in pair:
        layer.compile(optimizer, "mse")
        fitted = layer.fit(x, np.ones((32, 3)), epochs=3, batch_size=8, shuffle=False, verbose=0)
        histories.append(fitted.history["loss"])
    assert histories[0] == histories[1]
    clean, with_nan = (layer.named_weights() for layer in pair)
    for name, value in with_nan.items():
        others = np.arange(4) != _INACTIVE
        if name.startswith("router"):
            assert np.array_equal(value, clean[name])
        else:
            assert np.array_equal(value[others], clean[name][others])
            assert np.isnan(value[_INACTIVE]).all()


@pytest.mark.parametrize("expert", _EXPERTS, ids=lambda each: type(each).__name__)
def test_an_inactive_expert_keeps_its_bits(x, expert):
    layer = _pair(x, expert, routers.TopK(2))[0]
    before = layer.named_weights()
    layer.compile("adam", "mse")
    layer.fit(x, np.ones((32, 3)), epochs=2, verbose=0)
    for name, value in layer.named_weights().items():
        if not name.startswith("router"):
            assert np.array_equal(value[_INACTIVE], before[name][_INACTIVE])
            assert not np.array_equal(value, before[name])


@pytest.mark.parametrize("expert", _EXPERTS, ids=lambda each: type(each).__name__)
def test_a_prediction_does_not_depend_on_the_rest_of_its_batch(expert):
    random = np.random.default_rng(3)
    x = random.normal(size=(37, 6)).astype(np.float32)
    layer = gw.SparseExpertLayer(5, num_experts=4, expert=expert, shared_experts=1, balance=None)
    whole = layer.predict(x, verbose=0)
    for row in range(37):
        assert np.array_equal(layer.predict(x[row : row + 1], verbose=0)[0], whole[row])


@pytest.mark.parametrize("make", [gw.layers.Dense, gw.SparseExpertLayer])
def test_csr_rows_have_the_outputs_of_the_same_dense_rows(make):
    random = np.random.default_rng(3)
    x = random.normal(size=(20, 30)) * (random.uniform(size=(20, 30)) < 0.1)
    layer = make(4)
    dense = layer.predict(x, verbose=0)
    np.testing.assert_allclose(layer.predict(csr_array(x), verbose=0), dense, atol=1e-5)
    np.testing.assert_allclose(layer(csr_array(x)), dense, atol=1e-5)
