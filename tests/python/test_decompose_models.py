"""Ready-made architectures, and the choice of the fraction of weights to keep."""

import numpy as np
import pytest

import gatewise as gw
from digits import load_digits
from gatewise.decompose import SparseExperts, choose_sparsity


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 10)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(np.int64)


def test_parallel_experts_are_summed_with_their_weights():
    model = gw.create_sparse_expert_model(6, 3, 4, activation="softmax")
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    weights = model.layers[0].named_weights()
    assert {name: each.shape for name, each in weights.items()} == {
        "kernel": (4, 6, 3),
        "router_alpha": (4,),
        "output_bias": (3,),
    }
    weights["router_alpha"][:] = [1, -2, 0.5, 0]
    model.layers[0].set_weights(list(weights.values()))
    z = np.einsum("e,nd,edu->nu", weights["router_alpha"], x, weights["kernel"])
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)


def test_a_stack_has_residual_connections():
    model = gw.create_sparse_expert_model(6, 3, 5, "stack", hidden=8)
    kinds = [type(each).__name__ for each in model.layers]
    assert kinds.count("SparseExpertLayer") == 5
    assert kinds.count("Add") == 5
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    # With experts that output 0, only the residual connection is left.
    for layer in model.layers:
        if isinstance(layer, gw.SparseExpertLayer):
            layer.set_weights([0 * each for each in layer.get_weights()])
    first, last = (each for each in model.layers if isinstance(each, gw.layers.Dense))
    np.testing.assert_allclose(model.predict(x, verbose=0), last(first(x)), rtol=1e-6)


def test_architectures_accept_other_experts_and_output_activations():
    model = gw.create_sparse_expert_model(6, 3, 2, expert=gw.experts.MLP(4), activation=None)
    assert model.layers[0].expert == gw.experts.MLP(4)
    assert model.layers[0].activation == "linear"
    with pytest.raises(
        ValueError, match=r"arrangement: expected 'parallel' or 'stack', got 'ring'"
    ):
        gw.create_sparse_expert_model(6, 3, 2, "ring")
    with pytest.raises(ValueError, match=r"n_experts: expected an integer >= 1, got 0"):
        gw.create_sparse_expert_model(6, 3, 0)


def held_out_accuracy(make, epochs):
    accuracies = []
    for seed in range(3):
        gw.utils.set_random_seed(seed)
        x, y, x_test, y_test = load_digits(seed)
        model = make()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=epochs, verbose=0)
        accuracies.append(model.evaluate(x_test, y_test, verbose=0)[1])
    return np.mean(accuracies)


def test_parallel_linear_experts_learn_digits_as_well_as_one_linear_softmax():
    accuracy = held_out_accuracy(lambda: gw.create_sparse_expert_model(784, 10, 8), 15)
    assert accuracy >= 0.888


def test_a_stack_learns_digits():
    make = lambda: gw.create_sparse_expert_model(784, 10, 4, "stack", hidden=128)  # noqa: E731
    assert held_out_accuracy(make, 15) >= 0.93


def test_choose_sparsity_chooses_the_smallest_fraction_within_one_standard_error(data):
    """The label depends on one input of ten: a tenth of the weights is as accurate as all."""
    choice = choose_sparsity(
        lambda keep: SparseExperts(1, keep, seed=0, warm_up=5, optimizer=gw.optimizers.Adam(0.05)),
        *data,
        keep=[0.1, 0.3, 1.0],
        cv=3,
        epochs=15,
    )
    assert choice.keeps == (0.1, 0.3, 1.0)
    assert choice.result.costs == (0.1, 0.3, 1.0)
    assert choice.keep < 1
    assert choice.reason == choice.result.reason
    assert "keep 0.1" in str(choice)


def test_choose_sparsity_prunes_a_plain_model_to_the_fraction(data):
    made = []

    def make(keep):
        model = gw.Sequential([gw.Input((10,)), gw.layers.Dense(8, "relu"), gw.layers.Dense(2)])
        loss = gw.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        made.append((keep, model))
        return model

    choice = choose_sparsity(make, *data, keep=[0.25, 1.0], cv=2, epochs=8)
    assert choice.keep in (0.25, 1.0)
    trained = [(keep, model) for keep, model in made if model._state.trainer is not None]
    assert len(trained) == 4
    for keep, model in trained:
        kernels = [each for each in model.get_weights() if each.ndim == 2]
        assert sum(map(np.count_nonzero, kernels)) == round(keep * 96)


def test_choose_sparsity_refuses_wrong_fractions(data):
    for keep, message in (([0.0], "above 0"), ([], "above 0"), ([1.5], r"in \[0, 1\]")):
        with pytest.raises(ValueError, match=f"keep: expected .*{message}"):
            choose_sparsity(lambda keep: SparseExperts(1, keep), *data, keep=keep)
    with pytest.raises(TypeError, match=r"models\['keep 1'\]: expected a compiled model"):
        choose_sparsity(lambda keep: "model", *data, keep=[1.0])


def test_the_plot_shows_the_curve_and_the_choice(data):
    choice = choose_sparsity(
        lambda keep: SparseExperts(1, keep, seed=0), *data, keep=[0.5, 0.1], cv=2, epochs=2
    )
    axes = gw.plots.sparsity_choice(choice).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "50"]
    assert axes.lines[-1].get_xdata() == [choice.keep * 100]
    points = [(1, 0.2, 0.5), (4, 0.9, 0.8)]
    axes = gw.plots.quality_against_share({"by weights": points, "by rank": points}).axes[0]
    assert {"k 1", "k 4"} <= {text.get_text() for text in axes.texts}
    with pytest.raises(ValueError, match=r"curves: expected at least one, got none"):
        gw.plots.quality_against_share({})
