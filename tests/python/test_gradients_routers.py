"""Routers and balance losses: native gradients agree with finite differences in double."""

import numpy as np
import pytest

from gatewise.balance import AuxLoss, Bias, ZLoss
from gatewise.experts import MLP, Linear
from gatewise.routers import (
    All,
    Keys,
    NoisyTopK,
    OutputSum,
    SigmoidTopK,
    Static,
    Switch,
    TopK,
)
from gradient_check import (
    LOSS_WEIGHT,
    Graph,
    Node,
    all_samples,
    check_gradients,
    dense,
    put,
    sparse_expert,
)

pytestmark = pytest.mark.kernels

CHOOSING = {
    "top_k": TopK(2, normalize=False),
    "top_k, normalised": TopK(2, normalize=True),
    "top_k over the chosen": TopK(3, over="chosen"),
    "top_k over the chosen, unnormalised": TopK(2, normalize=False, over="chosen"),
    "top_k of one": TopK(1),
    "top_k of one, normalised": TopK(1, normalize=True),
    "top_k of all": TopK(4, normalize=False),
    "switch": Switch(),
    "sigmoid_top_k": SigmoidTopK(2, normalize=False),
    "sigmoid_top_k, normalised": SigmoidTopK(2, normalize=True),
    "noisy_top_k": NoisyTopK(2),
    "noisy_top_k of one": NoisyTopK(1),
    "top_k, summed": TopK(2, combine="sum", shared_bias=True),
    "top_k, scaled": TopK(2, scale=0.3),
    "top_k, noise": TopK(2, noise=1.0),
    "switch, scaled by the width, noise": Switch(scale=None, noise=3.0, noise_steps=None),
    "sigmoid_top_k, scaled, noise": SigmoidTopK(2, scale=0.5, noise=1.0),
    "keys": Keys(2, key_dim=5),
    "keys of one": Keys(1, key_dim=5),
    "keys of all, cooler": Keys(4, key_dim=3, temperature=0.5),
    "keys by cosine": Keys(2, key_dim=5, similarity="cosine"),
}
OUTPUT_SUMS = {
    "softmax": OutputSum(2),
    "sum": OutputSum(2, combine="sum"),
    "softmax of all": OutputSum(4),
}
CONSTANT = {
    "all": All(),
    "all, one bias": All(shared_bias=True),
    **{f"static, {each}": Static(each) for each in ("free", "non_negative", "simplex")},
    "static, one bias": Static("simplex", shared_bias=True),
}
# Strong enough that their gradients are comparable to those of the weighted loss.
BALANCES = {
    "aux": [AuxLoss(20.0)],
    "z": [ZLoss(5.0)],
    "both": [AuxLoss(20.0), ZLoss(5.0)],
    "bias": [Bias(0.125)],
    "all three": [AuxLoss(20.0), ZLoss(5.0), Bias(0.125)],
}


def after_dense(layer: Node) -> Graph:
    """The layer after a Dense layer, whose gradient shows the layer's input gradient."""
    return Graph([3], [(dense(4), [0]), (layer, [1])], [2], loss_weights=[loss_weight(layer)])


def loss_weight(layer: Node) -> float:
    # The step that shows the gradient must not clip weights of 1.5 at 0.
    return 0.25 if layer.options.get("router.constraint") == "non_negative" else LOSS_WEIGHT


@pytest.mark.parametrize("name", [*CHOOSING, *CONSTANT])
@pytest.mark.parametrize("expert", [Linear("tanh"), MLP(3, "relu")], ids=["linear", "mlp"])
def test_router_gradient_agrees_with_finite_differences(name, expert):
    layer = sparse_expert(expert, (CHOOSING | CONSTANT)[name])
    check_gradients(after_dense(layer))


@pytest.mark.parametrize("name", OUTPUT_SUMS)
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("units", [1, 3, 17])
def test_gradient_of_output_sum_scores_agrees(name, use_bias, units):
    layer = sparse_expert(
        Linear(), OUTPUT_SUMS[name], [Bias(0.125)], use_bias=use_bias, units=units
    )
    check_gradients(after_dense(layer))


def test_gradient_of_output_sum_scores_agrees_in_a_layer_used_twice():
    layer = sparse_expert(Linear(), OutputSum(2))
    graph_nodes = [(dense(4), [0]), (layer, [1]), (layer, [1])]
    graph_nodes += [(Node("concatenate", {}), [2, 3]), (dense(2), [4])]
    check_gradients(Graph([3], graph_nodes, [5], loss_weights=[LOSS_WEIGHT / 4]))


@pytest.mark.parametrize("name", CHOOSING)
@pytest.mark.parametrize("terms", BALANCES)
def test_gradients_of_balance_terms_agree(name, terms):
    layer = sparse_expert(Linear("tanh"), CHOOSING[name], BALANCES[terms])
    check_gradients(after_dense(layer))


@pytest.mark.parametrize("name", CHOOSING)
def test_balance_losses_are_means_over_all_rows(name):
    layer = sparse_expert(Linear(), CHOOSING[name], BALANCES["both"], num_experts=17)
    graph = after_dense(layer)
    check_gradients(graph, graph.batch(4, inner=(3,), weighted=True))


@pytest.mark.parametrize("name", [*CHOOSING, *CONSTANT])
def test_router_of_a_layer_used_twice_gets_the_sum_of_both_gradients(name):
    layer = sparse_expert(Linear("tanh"), (CHOOSING | CONSTANT)[name])
    graph_nodes = [(dense(4), [0]), (layer, [1]), (layer, [1])]
    graph_nodes += [(Node("concatenate", {}), [2, 3]), (dense(2), [4])]
    check_gradients(Graph([3], graph_nodes, [5], loss_weights=[loss_weight(layer) / 4]))


def test_balance_bias_follows_the_load_without_a_gradient():
    layer = sparse_expert(Linear(), SigmoidTopK(2), [Bias(0.125)])
    graph = after_dense(layer)
    batch = graph.batch(8)
    run = check_gradients(graph, batch)
    counts = np.bincount(run.chosen[layer][0].ravel(), minlength=4)
    put(layer, "balance_bias", layer.weights["balance_bias"])
    before = layer.native.get("balance_bias")
    data = batch.dataset()
    graph.trainer().train_step(data, all_samples(data))
    step = np.float32(0.125) * np.sign(counts.mean() - counts).astype(np.float32)
    assert np.abs(step).max() > 0
    np.testing.assert_array_equal(layer.native.get("balance_bias"), before + step)


@pytest.mark.parametrize("constraint", ["free", "non_negative"])
def test_static_weights_below_zero_are_clipped_only_by_the_constraint(constraint):
    layer = sparse_expert(Linear(), Static(constraint))
    graph = after_dense(layer)
    put(layer, "router_alpha", np.full(4, 0.01))
    batch = graph.batch()
    data = batch.dataset()
    gradient = graph.differences(batch)[layer, "router_alpha"]
    graph.trainer().train_step(data, all_samples(data))
    moved = 0.01 - gradient
    expected = np.maximum(moved, 0) if constraint == "non_negative" else moved
    assert moved.min() < 0 < moved.max()
    # The tolerance of gradient_check.RELATIVE.
    np.testing.assert_allclose(layer.native.get("router_alpha"), expected, rtol=1e-5, atol=1e-6)


def test_noise_is_redrawn_each_step_and_never_outside_training():
    layer = sparse_expert(Linear(), NoisyTopK(2))
    graph = after_dense(layer)
    batch = graph.batch()
    data, trainer = batch.dataset(), graph.trainer(learning_rate=0.0)
    losses = [trainer.train_step(data, all_samples(data))[0] for _ in range(4)]
    assert len(set(losses)) == 4
    second_trainer = graph.trainer(learning_rate=0.0)
    assert [second_trainer.train_step(data, all_samples(data))[0] for _ in range(4)] == losses
    test_losses = {trainer.test_step(data, all_samples(data))[0] for _ in range(2)}
    assert len(test_losses) == 1
    assert not test_losses & set(losses)


def test_noise_of_later_steps_has_the_gradient_of_its_own_draws():
    # With a noise kernel of zeros, its gradient reveals the draw: the derivative of softplus at 0
    # is 1/2, and y depends only on the difference of noisy logits.
    layer = sparse_expert(Linear(), NoisyTopK(2), num_experts=2, units=1, use_bias=False)
    graph = Graph([1], [(layer, [0])], [1], loss_weights=[1.0])
    put(layer, "kernel", np.array([[[1.0]], [[0.0]]]))
    put(layer, "router_kernel", np.zeros((1, 2)))
    put(layer, "router_noise_kernel", np.zeros((1, 2)))
    batch = graph.batch(1)
    batch.inputs, batch.targets = [np.ones((1, 1), np.float32)], [np.zeros((1, 1), np.float32)]
    data = batch.dataset()
    trainer = graph.trainer()
    for _ in range(20):
        for name in ("kernel", "router_kernel", "router_noise_kernel"):
            put(layer, name, layer.weights[name])
        y = np.sqrt(trainer.train_step(data, all_samples(data))[0])  # w_0 for logits draws * ln 2
        moved = -layer.native.get("router_noise_kernel")[0].astype(np.float64)
        d_logits = 2 * y * y * (1 - y) * np.array([1, -1])
        draws = moved / (d_logits / 2)
        # y depends on the difference of two draws; each factor above has a float32 error of 1e-6.
        logit = np.log(y / (1 - y)) / np.log(2)
        assert draws[0] - draws[1] == pytest.approx(logit, rel=1e-4, abs=1e-5)
