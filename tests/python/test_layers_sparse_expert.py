"""The expert layer: settings, initial weights, routing, load, wrong use."""

import inspect

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise.layers import ExpertLoad


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


def test_the_signature_has_the_documented_defaults():
    parameters = inspect.signature(gw.SparseExpertLayer).parameters
    assert {name: each.default for name, each in parameters.items() if name != "options"} == {
        "units": inspect.Parameter.empty,
        "num_experts": 8,
        "k": 2,
        "expert": "linear",
        "router": "top_k",
        "balance": "auto",
        "shared_experts": 0,
        "activation": None,
        "use_bias": True,
        "kernel_initializer": "glorot_uniform",
        "kernel_regularizer": None,
        "seed": None,
        "name": None,
    }


def test_strings_select_routers_balance_terms_and_experts():
    layer = gw.SparseExpertLayer(3, router="sigmoid_top_k", balance="bias", expert="linear")
    assert layer.router == gw.routers.SigmoidTopK(2)
    assert layer.balance == (gw.balance.Bias(1e-3),)
    assert layer.expert == gw.experts.Linear()


@pytest.mark.parametrize(
    ("arguments", "k"),
    [
        ({}, 2),
        ({"k": 3}, 3),
        ({"router": gw.routers.TopK(4)}, 4),
        ({"router": gw.routers.TopK(4), "k": 4}, 4),
        ({"router": "switch"}, 1),
        ({"router": "switch", "k": 1}, 1),
        ({"router": "all"}, 8),
    ],
)
def test_k_of_the_layer_is_a_shorthand_for_k_of_its_router(arguments, k):
    assert gw.SparseExpertLayer(3, **arguments).k == k


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 9}, ValueError, r"k: expected 1 <= k <= num_experts \(8\), got 9"),
        ({"k": 0}, ValueError, r"k: expected an integer >= 1, got 0"),
        ({"k": 1.5}, TypeError, r"k: expected an integer >= "),
        ({"num_experts": 1}, ValueError, r"k: expected 1 <= k <= num_experts \(1\), got 2"),
        ({"num_experts": 0}, ValueError, r"num_experts: expected an integer >= 1, got 0"),
        (
            {"router": gw.routers.TopK(4), "k": 2},
            ValueError,
            r"k: expected None or 4, the k of router TopK\(k=4, .*, got 2",
        ),
        ({"router": "switch", "k": 2}, ValueError, r"k: expected None or 1, the k of .* Switch"),
        ({"router": "all", "k": 2}, ValueError, r"k: expected None or 8, the k of .* All"),
        ({"router": "best"}, ValueError, r"router: expected one of .*top_k, switch, .* got 'best'"),
        ({"expert": "conv"}, ValueError, r"expert: expected one of linear, mlp, .*; got 'conv'"),
        ({"balance": "even"}, ValueError, r"balance: expected one of aux_loss, z_loss, bias; got"),
        (
            {"router": "all", "balance": "bias"},
            ValueError,
            r"balance: expected None with router All.*, got Bias\(rate=0.001\)",
        ),
        ({"shared_experts": -1}, ValueError, r"shared_experts: expected an integer >= 0, got -1"),
        ({"capacity": 2}, TypeError, r"SparseExpertLayer: unexpected argument 'capacity'"),
    ],
)
def test_a_wrong_setting_is_refused(arguments, error, message):
    with pytest.raises(error, match=f"^{message}"):
        gw.SparseExpertLayer(3, **arguments)


@pytest.mark.parametrize(
    "layer",
    [
        gw.SparseExpertLayer(3),
        gw.SparseExpertLayer(
            4,
            num_experts=5,
            k=3,
            expert=gw.experts.GLU(7),
            router=gw.routers.TopK(normalize=False),
            balance=[gw.balance.AuxLoss(0.1), gw.balance.ZLoss()],
            shared_experts=2,
            activation="relu",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=gw.regularizers.l1_l2(0.1, 0.2),
            seed=3,
        ),
        gw.SparseExpertLayer(3, router=gw.routers.Static("simplex", shared_bias=True)),
        gw.SparseExpertLayer(3, router="switch"),
    ],
)
def test_the_layer_is_restored_from_its_configuration(layer):
    restored = gw.SparseExpertLayer.from_config(layer.get_config())
    assert restored.get_config() == layer.get_config()
    assert (restored.expert, restored.router, restored.balance) == (
        layer.expert,
        layer.router,
        layer.balance,
    )


def test_initial_weights_of_an_expert_depend_on_its_own_fans(x):
    layer = gw.SparseExpertLayer(
        50, num_experts=30, expert=gw.experts.MLP(20), balance="bias", shared_experts=1
    )
    layer(x)
    weights = layer.named_weights()
    assert weights["kernel_in"].shape == (30, 6, 20)
    assert weights["kernel_out"].shape == (30, 20, 50)
    for name, fans in (("kernel_in", 26), ("kernel_out", 70), ("shared_kernel_in", 26)):
        limit = np.sqrt(6 / fans)
        assert 0.9 * limit < np.abs(weights[name]).max() <= limit * (1 + 1e-6)
    assert not any(weights[name].any() for name in ("bias_in", "bias_out", "balance_bias"))


def test_experts_have_different_initial_weights(x):
    layer = gw.SparseExpertLayer(3, num_experts=4)
    layer(x)
    kernels = layer.named_weights()["kernel"]
    assert len({kernel.tobytes() for kernel in kernels}) == 4


def test_routing_is_the_softmax_of_the_best_scores(x):
    layer = gw.SparseExpertLayer(3, num_experts=5, k=2, router=gw.routers.TopK(normalize=False))
    layer(x)
    indices, weights = layer.routing(x)
    scores = x.astype(np.float64) @ layer.named_weights()["router_kernel"]
    softmax = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    assert (indices.dtype, weights.dtype) == (np.int32, np.float32)
    assert np.array_equal(indices, expected)
    np.testing.assert_allclose(weights, np.take_along_axis(softmax, expected, 1), rtol=1e-5)


def test_ties_go_to_the_lowest_index(x):
    layer = gw.SparseExpertLayer(3, num_experts=5, k=3)
    layer(x)
    values = layer.named_weights() | {"router_kernel": np.zeros((6, 5))}
    layer.set_weights(list(values.values()))
    assert np.array_equal(layer.routing(x)[0], np.tile([0, 1, 2], (40, 1)))


def test_routing_and_load_accept_any_rank_and_csr_rows(x):
    layer = gw.SparseExpertLayer(3, num_experts=5, k=2)
    layer(x)
    for same in (x.reshape(8, 5, 6), x.astype(np.float64), csr_array(x)):
        for found, expected in zip(layer.routing(same), layer.routing(x), strict=True):
            assert np.array_equal(found, expected)
        assert np.array_equal(layer.load(same).rows, layer.load(x).rows)


def test_routing_with_varying_k_is_a_sparse_array(x, monkeypatch):
    layer = gw.SparseExpertLayer(3, num_experts=5, k=2)
    layer(x)
    indices, weights = layer.routing(x)
    monkeypatch.setattr(gw.SparseExpertLayer, "k", None)
    table = layer.routing(x)
    assert table.shape == (40, 5)
    assert np.array_equal(np.take_along_axis(table.toarray(), indices, 1), weights)


def test_routing_of_an_unbuilt_layer_or_another_width_is_refused(x):
    layer = gw.SparseExpertLayer(3, num_experts=4, name="experts")
    with pytest.raises(ValueError, match=r"experts: expected a built layer"):
        layer.routing(x)
    layer(x)
    with pytest.raises(ValueError, match=r"x: expected shape \(n, 6\), got \(2, 7\)"):
        layer.load(np.ones((2, 7)))


def test_load_counts_rows_per_expert(x):
    layer = gw.SparseExpertLayer(3, num_experts=5, k=2)
    layer(x)
    load = layer.load(x)
    assert np.array_equal(load.rows, np.bincount(layer.routing(x)[0].ravel(), minlength=5))
    assert load.rows.sum() == 80


def test_load_of_the_last_epoch_counts_its_training_rows(x):
    layer = gw.SparseExpertLayer(1, num_experts=5, k=2, balance=gw.balance.AuxLoss(0.1))
    assert not hasattr(layer, "load_")
    with pytest.raises(AttributeError, match=r"load_ is available after fit"):
        _ = layer.load_
    layer.compile("sgd", "mse")
    layer.fit(x, np.ones(40), epochs=3, verbose=0)
    assert layer.load_.rows.sum() == 80


def test_load_distinguishes_even_and_collapsed_routing():
    even, collapsed = ExpertLoad.from_rows([5, 5, 5, 5]), ExpertLoad.from_rows([0, 20, 0, 0])
    assert even.entropy == pytest.approx(np.log(4))
    assert even.coefficient_of_variation == 0
    assert even.dead.tolist() == []
    assert collapsed.entropy == 0
    assert collapsed.coefficient_of_variation == pytest.approx(np.sqrt(3))
    assert collapsed.dead.tolist() == [0, 2, 3]
    assert ExpertLoad.from_rows([0, 0]).share.tolist() == [0, 0]
