"""Configuration objects of routers and balance terms."""

import numpy as np
import pytest

import gatewise as gw
from gatewise import _core, balance, routers

WEIGHTED = [routers.TopK, routers.NoisyTopK, routers.SigmoidTopK, routers.Keys]


def test_every_router_of_the_core_has_exactly_one_class():
    assert sorted(routers.ROUTERS.names()) == sorted(_core.router_kinds())


def test_native_options_of_routers_have_their_prefix():
    assert routers.TopK(3, over="chosen").native_options() == {
        "router.kind": "top_k",
        "router.k": 3,
        "router.normalize": True,
        "router.over": "chosen",
        "router.combine": "softmax",
        "router.shared_bias": False,
        "router.scale": 1.0,
        "router.noise": 0.0,
        "router.noise_steps": 100,
    }
    assert routers.Static("simplex", shared_bias=True).native_options() == {
        "router.kind": "static",
        "router.constraint": "simplex",
        "router.shared_bias": True,
    }


def test_a_router_without_k_uses_the_layers():
    assert routers.TopK().with_k(5) == routers.TopK(5)
    assert routers.TopK(3).with_k(5) == routers.TopK(3)
    assert routers.Switch().experts_per_row(8) == 1
    assert routers.All().experts_per_row(8) == 8


def test_static_weights_start_as_the_mean_of_experts():
    assert routers.Static("free").initializer("router_alpha", 4)((4,)).tolist() == [0.25] * 4
    assert routers.Static("simplex").initializer("router_alpha", 4)((4,)).tolist() == [0] * 4


def test_noise_kernels_start_at_zero_and_router_kernels_do_not():
    noisy = routers.NoisyTopK(2)
    assert not noisy.initializer("router_noise_kernel", 4)((3, 4)).any()
    assert noisy.initializer("router_kernel", 4)((3, 4), seed=1).any()


def test_wrong_settings_of_routers_are_refused():
    with pytest.raises(ValueError, match=r"k: expected an integer >= 1, got 0"):
        routers.TopK(0)
    with pytest.raises(ValueError, match=r"over: expected 'all' or 'chosen', got 'some'"):
        routers.TopK(2, over="some")
    with pytest.raises(TypeError, match=r"normalize: expected True or False, got 1"):
        routers.SigmoidTopK(2, normalize=1)
    with pytest.raises(ValueError, match=r"constraint: expected 'free', .* got 'positive'"):
        routers.Static("positive")


def test_the_default_temperature_of_keys_depends_on_the_similarity():
    assert routers.Keys(2).native_options()["router.temperature"] == 1.0
    assert routers.Keys(2, similarity="cosine").native_options()["router.temperature"] == 0.3
    assert routers.Keys(2, temperature=2).native_options()["router.temperature"] == 2.0


def test_wrong_settings_of_keys_and_output_sums_are_refused():
    with pytest.raises(ValueError, match=r"similarity: expected 'dot' or 'cosine', got 'l2'"):
        routers.Keys(2, similarity="l2")
    with pytest.raises(ValueError, match=r"temperature: expected a number > 0, got 0"):
        routers.Keys(2, temperature=0)
    with pytest.raises(ValueError, match=r"key_dim: expected an integer >= 1, got 0"):
        routers.Keys(2, key_dim=0)
    with pytest.raises(ValueError, match=r"combine: expected 'softmax' or 'sum', got 'mean'"):
        routers.OutputSum(2, combine="mean")
    with pytest.raises(ValueError, match=r"combine: expected 'softmax' or 'sum', got 'mean'"):
        routers.TopK(2, combine="mean")


def test_output_sum_requires_linear_experts_and_no_loss_on_scores():
    with pytest.raises(ValueError, match=r"expert: expected linear experts with router OutputSum"):
        gw.SparseExpertLayer(3, expert=gw.experts.MLP(4), router="output_sum")
    with pytest.raises(ValueError, match=r"expert: expected linear experts with router OutputSum"):
        gw.SparseExpertLayer(3, expert=gw.experts.Linear("relu"), router="output_sum")
    with pytest.raises(ValueError, match=r"balance: expected None or Bias with router OutputSum"):
        gw.SparseExpertLayer(3, router="output_sum", balance=["bias", "aux_loss"])
    assert gw.SparseExpertLayer(3, router="output_sum", balance="bias").balance


def test_balance_accepts_one_term_or_several():
    assert balance.get(None) == ()
    assert balance.get("aux_loss") == (balance.AuxLoss(0.01),)
    assert balance.get([balance.Bias(), "z_loss"]) == (balance.Bias(1e-3), balance.ZLoss(1e-3))


def test_balance_options_contain_every_term():
    assert balance.native_options((balance.AuxLoss(0.5),)) == {
        "balance.aux_loss": 0.5,
        "balance.z_loss": 0.0,
        "balance.bias": 0.0,
    }


def test_a_wrong_balance_is_refused():
    with pytest.raises(ValueError, match=r"balance: expected terms of different kinds, got bias"):
        balance.get(["bias", balance.Bias(0.1)])
    with pytest.raises(ValueError, match=r"balance: expected one of aux_loss, z_loss, bias; got"):
        balance.get("aux")
    with pytest.raises(ValueError, match=r"weight: expected a number >= 0, got -1"):
        balance.AuxLoss(-1)


@pytest.mark.parametrize("kind", WEIGHTED)
def test_the_weight_of_one_expert_depends_on_the_router(kind):
    x = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    layer = gw.SparseExpertLayer(3, num_experts=4, router=kind(1), k=1)
    layer(x)
    assert (layer.routing(x)[1] < 1).all()
    before = layer.get_weights()
    layer.compile("sgd", "mse")
    layer.fit(x, np.ones((20, 3)), verbose=0)
    moved = {
        parameter.name: not np.array_equal(old, new)
        for parameter, old, new in zip(layer.parameters(), before, layer.get_weights(), strict=True)
    }
    assert all(moved[name] for name in moved if name.startswith(("router", "key", "projection")))


@pytest.mark.parametrize("kind", WEIGHTED)
def test_weights_sum_to_one_by_default_from_two_experts_on(kind):
    assert kind(2).normalizes
    assert not kind(1).normalizes
    assert kind(1, normalize=True).normalizes
    assert not kind(2, normalize=False).normalizes


@pytest.mark.parametrize("kind", WEIGHTED)
def test_configurations_of_before_keep_the_weight_of_one(kind):
    config = kind(1).get_config()
    assert kind.from_config(config) == kind(1)
    del config["normalize"]
    assert kind.from_config(config).normalizes


NOISY = [routers.TopK, routers.Switch, routers.SigmoidTopK]


@pytest.mark.parametrize("kind", NOISY)
def test_noise_is_of_training_only_and_declines(kind):
    x = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
    y = np.random.default_rng(1).normal(size=(16, 3)).astype(np.float32)

    def losses(**settings):
        gw.utils.set_random_seed(0)
        layer = gw.SparseExpertLayer(
            3, num_experts=4, k=None, router=kind(**settings), balance=None
        )
        layer.compile(gw.optimizers.SGD(0.0), "mse")
        found = [layer.train_on_batch(x, y) for _ in range(2000)]
        without_noise = layer.evaluate(x, y, verbose=0)
        return np.abs(np.array(found) - without_noise)

    assert losses()[0] == pytest.approx(0, abs=1e-6)
    deviations = losses(noise=5.0, noise_steps=10)
    assert deviations[:20].mean() > 5 * deviations[-20:].mean()
    deviations = losses(noise=5.0, noise_steps=None)
    assert deviations[:20].mean() < 2 * deviations[-20:].mean()


def test_the_scale_of_scores_depends_on_the_width_of_rows_if_asked():
    x = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
    by_width, halved = (
        gw.SparseExpertLayer(3, num_experts=4, router=routers.TopK(scale=scale), seed=1)
        for scale in (None, 0.5)
    )
    by_width(x), halved(x)
    for found, expected in zip(by_width.routing(x), halved.routing(x), strict=True):
        np.testing.assert_array_equal(found, expected)
    kernel = halved.named_weights()["router_kernel"]
    logits = 0.5 * x @ kernel
    best = np.argsort(-logits, axis=1)[:, :2]
    np.testing.assert_array_equal(halved.routing(x)[0], best)


def test_initial_scores_can_be_small():
    x = np.ones((1, 6), np.float32)
    kernels = []
    for scale in (1.0, 0.01):
        layer = gw.SparseExpertLayer(3, router=routers.TopK(initial_scale=scale), seed=1)
        layer(x)
        kernels.append(layer.named_weights()["router_kernel"])
    np.testing.assert_allclose(kernels[1], 0.01 * kernels[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0}, "scale: expected a number > 0, got 0"),
        ({"noise": -1}, "noise: expected a number >= 0"),
        ({"initial_scale": "small"}, "initial_scale: expected a number >= 0"),
        ({"noise_steps": 0}, "noise_steps: expected an integer >= 1, got 0"),
    ],
)
def test_wrong_settings_of_scores_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        routers.TopK(2, **settings)


def test_balance_auto_is_a_bias_where_experts_are_chosen():
    def terms(**settings):
        return gw.SparseExpertLayer(3, num_experts=4, balance="auto", **settings).balance

    for router in ("top_k", "noisy_top_k", "sigmoid_top_k", "keys"):
        assert terms(router=router) == (balance.Bias(),)
    one = {"k": 1, "router": "sigmoid_top_k"}
    assert terms(**one) == terms(router=routers.TopK(combine="sum"), k=1) == (balance.Bias(),)
    assert terms(router="output_sum") == (balance.Bias(0.01),)
    loss = (balance.AuxLoss(0.05),)
    assert terms(router="switch", k=None) == terms(k=1) == terms(k=1, router="keys") == loss
    assert terms(router=routers.TopK(2, normalize=False)) == loss
    assert terms(router="all", k=None) == terms(router="static", k=None) == terms(k=4) == ()


def test_balance_auto_is_the_default_and_a_stored_none_stays_none():
    layer = gw.SparseExpertLayer(3, num_experts=4)
    model = gw.SparseExpertModel(4, 6, 3)
    assert layer.balance == model.expert_layer.balance == (balance.Bias(),)
    assert gw.SparseExpertLayer.from_config(layer.get_config()).balance == (balance.Bias(),)
    stored = gw.SparseExpertLayer(3, num_experts=4, balance=None).get_config()
    assert stored["balance"] is None
    assert gw.SparseExpertLayer.from_config(stored).balance == ()


def test_contributions_do_not_depend_on_the_noise_of_training():
    from gatewise import _core

    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    gradients = []
    for noise in (0.0, 3.0):
        layer = gw.SparseExpertLayer(
            1, num_experts=4, k=4, router=routers.TopK(noise=noise), seed=1
        )
        model = gw.Sequential([gw.Input((6,)), layer])
        network = model._training.require_network()
        gradients.append(_core.input_gradients(network, [x], 0)[0])
    np.testing.assert_array_equal(*gradients)
