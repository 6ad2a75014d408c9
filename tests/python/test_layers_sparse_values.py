"""Outputs of the expert layer agree with NumPy in double precision."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import experts, routers


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


_N, _D, _U, _E = 20, 6, 3, 5
_CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # float32 sums of a few dozen products


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(_N, _D)).astype(np.float32)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def _linear(weights, prefix, rows):
    return np.einsum("nd,edu->neu", rows, weights[prefix + "kernel"]) + weights[prefix + "bias"]


def _mlp(weights, prefix, rows):
    hidden = np.einsum("nd,edh->neh", rows, weights[prefix + "kernel_in"])
    hidden = np.tanh(hidden + weights[prefix + "bias_in"])
    y = np.einsum("neh,ehu->neu", hidden, weights[prefix + "kernel_out"])
    return y + weights[prefix + "bias_out"]


def _glu(weights, prefix, rows):
    gate = np.einsum("nd,edh->neh", rows, weights[prefix + "kernel_gate"])
    value = np.einsum("nd,edh->neh", rows, weights[prefix + "kernel_value"])
    y = np.einsum("neh,ehu->neu", gate * _sigmoid(gate) * value, weights[prefix + "kernel_out"])
    return y + weights[prefix + "bias_out"]


_EXPERTS = [
    (experts.Linear(), _linear),
    (experts.MLP(7, activation="tanh"), _mlp),
    (experts.GLU(7), _glu),
]


def _top_k(scores, probabilities, normalize):
    chosen = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    kept = np.zeros_like(probabilities)
    np.put_along_axis(kept, chosen, np.take_along_axis(probabilities, chosen, 1), 1)
    return kept / kept.sum(axis=1, keepdims=True) if normalize else kept


def _switch(weights, rows):
    probabilities = _softmax(rows @ weights["router_kernel"])
    return np.where(probabilities == probabilities.max(axis=1, keepdims=True), probabilities, 0)


def _scored(function, normalize):
    def weigh(weights, rows):
        scores = rows @ weights["router_kernel"]
        return _top_k(scores, function(scores), normalize)

    return weigh


def _alpha(function):
    return lambda weights, rows: np.tile(function(weights["router_alpha"]), (len(rows), 1))


_ROUTERS = [
    (routers.TopK(2), _scored(_softmax, True)),
    (routers.TopK(2, over="chosen"), _scored(_softmax, True)),
    (routers.TopK(2, normalize=False), _scored(_softmax, False)),
    (routers.Switch(), _switch),
    (routers.NoisyTopK(2), _scored(_softmax, True)),  # noise is only added in training
    (routers.SigmoidTopK(2), _scored(_sigmoid, True)),
    (routers.SigmoidTopK(2, normalize=False), _scored(_sigmoid, False)),
    (routers.All(), lambda weights, rows: np.ones((len(rows), _E))),
    (routers.Static("free"), _alpha(lambda alpha: alpha)),
    (routers.Static("non_negative"), _alpha(lambda alpha: np.maximum(alpha, 0))),
    (routers.Static("simplex"), _alpha(_softmax)),
]


def _built(x, **arguments):
    """A layer with random values for all parameters, so that every term is tested."""
    layer = gw.SparseExpertLayer(_U, num_experts=_E, **{"balance": None, **arguments})
    layer(x)
    random = np.random.default_rng(1)
    layer.set_weights([np.abs(random.normal(size=each.shape)) for each in layer.get_weights()])
    return layer, {name: value.astype(np.float64) for name, value in layer.named_weights().items()}


@pytest.mark.parametrize(("router", "weigh"), _ROUTERS, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize(("expert", "compute"), _EXPERTS, ids=lambda each: repr(each)[:20])
def test_outputs_are_the_weighted_experts(x, router, weigh, expert, compute):
    layer, weights = _built(x, router=router, expert=expert)
    rows = x.astype(np.float64)
    expected = np.einsum("ne,neu->nu", weigh(weights, rows), compute(weights, "", rows))
    np.testing.assert_allclose(layer(x), expected, **_CLOSE)


@pytest.mark.parametrize(("expert", "compute"), _EXPERTS, ids=lambda each: repr(each)[:20])
def test_shared_experts_process_every_row_with_weight_one(x, expert, compute):
    layer, weights = _built(x, expert=expert, shared_experts=2)
    rows = x.astype(np.float64)
    gate = _scored(_softmax, True)(weights, rows)
    expected = np.einsum("ne,neu->nu", gate, compute(weights, "", rows))
    expected += compute(weights, "shared_", rows).sum(axis=1)
    np.testing.assert_allclose(layer(x), expected, **_CLOSE)


def test_the_layers_activation_acts_on_the_combined_output(x):
    plain, _ = _built(x)
    active, _ = _built(x, activation="softmax")
    np.testing.assert_allclose(active(x), _softmax(plain(x).astype(np.float64)), **_CLOSE)


def test_an_experts_activation_acts_before_the_combination(x):
    layer, weights = _built(x, expert=experts.Linear("tanh"), router="all")
    expected = np.tanh(_linear(weights, "", x.astype(np.float64))).sum(axis=1)
    np.testing.assert_allclose(layer(x), expected, **_CLOSE)


def test_a_layer_without_bias_has_none(x):
    layer, weights = _built(x, use_bias=False, expert=experts.GLU(4))
    assert set(weights) == {"kernel_gate", "kernel_value", "kernel_out", "router_kernel"}
    assert layer(x).shape == (_N, _U)


@pytest.mark.parametrize("router", ["all", "static"])
def test_a_shared_bias_is_added_once_for_all_experts(x, router):
    chosen = {"all": routers.All(True), "static": routers.Static(shared_bias=True)}[router]
    layer, weights = _built(x, router=chosen)
    assert "bias" not in weights
    assert weights["output_bias"].shape == (_U,)
    alpha = weights.get("router_alpha", np.ones(_E))
    kernel = np.tensordot(alpha, weights["kernel"], axes=1)
    np.testing.assert_allclose(layer(x), x @ kernel + weights["output_bias"], **_CLOSE)


_FUSED = [
    {"router": routers.All()},
    {"router": routers.All(shared_bias=True), "activation": "relu"},
    {"router": routers.Static("free"), "use_bias": False},
    {"router": routers.Static("non_negative"), "shared_experts": 2},
    {"router": routers.Static("simplex"), "activation": "softmax"},
    {"router": routers.Static("free", shared_bias=True), "shared_experts": 1},
]


@pytest.mark.parametrize("arguments", _FUSED, ids=str)
def test_fuse_returns_the_equivalent_dense_layer(x, arguments):
    layer, _ = _built(x, **arguments)
    dense = layer.fuse()
    assert isinstance(dense, gw.layers.Dense)
    assert dense.built
    np.testing.assert_allclose(dense(x), layer(x), **_CLOSE)


def test_fuse_is_refused_without_an_equivalent_dense_layer(x):
    chosen, _ = _built(x, name="experts")
    with pytest.raises(ValueError, match=r"experts: fuse: expected a router .* got TopK\(k=2"):
        chosen.fuse()
    hidden, _ = _built(x, router="all", expert=experts.MLP(3))
    with pytest.raises(ValueError, match=r"fuse: expected linear experts, got MLP\(hidden=3"):
        hidden.fuse()
    bent, _ = _built(x, router="all", expert=experts.Linear("relu"))
    with pytest.raises(ValueError, match=r"fuse: expected linear experts, got Linear\(activation"):
        bent.fuse()
    with pytest.raises(ValueError, match=r"expected a built layer"):
        gw.SparseExpertLayer(3, router="all").fuse()


def test_the_balance_bias_changes_the_choice_but_not_the_weights(x):
    layer, weights = _built(x, router=routers.TopK(1, normalize=False), balance="bias")
    weights["balance_bias"] = np.array([0, 0, 0, 100, 0])
    layer.set_weights(list(weights.values()))
    indices, row_weights = layer.routing(x)
    probabilities = _softmax(x.astype(np.float64) @ weights["router_kernel"])
    assert np.array_equal(indices, np.full((_N, 1), 3))
    np.testing.assert_allclose(row_weights[:, 0], probabilities[:, 3], **_CLOSE)
