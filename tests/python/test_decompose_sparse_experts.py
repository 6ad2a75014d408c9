"""Importance experts: five steps, disjoint supports, one fused model."""

import pickle

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from digits import load_digits
from gatewise.decompose import SparseExperts, importance
from gatewise.decompose.supports import assign_supports

FORMS = [{}, {"hidden": 24}]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] ** 2 > 1).astype(np.int64)


def fitted(data, n_experts=3, keep=0.75, **options):
    return SparseExperts(n_experts, keep, seed=0, **options).fit(*data, epochs=3)


def test_supports_are_assigned_round_robin_by_rank():
    ranks = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
    assert [np.flatnonzero(mask).tolist() for mask in assign_supports(ranks, 0.75, 3, 0.0)] == [
        [0, 3, 6],
        [1, 4, 7],
        [2, 5, 8],
    ]
    assert [np.flatnonzero(mask).tolist() for mask in assign_supports(ranks, 0.5, 2, 1 / 3)] == [
        [0, 1, 2, 4],
        [0, 1, 3, 5],
    ]
    with pytest.raises(ValueError, match=r"keep: expected .* of 3 experts, got 0.1 of 12"):
        assign_supports(ranks, 0.1, 3, 0.0)


@pytest.mark.parametrize("form", FORMS)
def test_supports_are_disjoint_and_contain_the_most_important_weights(data, form):
    model = fitted(data, **form)
    total = np.sum(model.supports_, axis=0)
    assert total.max() == 1
    assert total.sum() == round(0.75 * total.size)
    # Recreates the ranked model from the same seed and rows.
    with gw.utils.random.seeds_from(0):
        order = np.random.default_rng(0).permutation(300)[60:]
        inner = [gw.layers.Dense(24, "relu")] if form else []
        ranked = gw.Sequential([gw.Input((8,)), *inner, gw.layers.Dense(2)])
        ranked.compile("adam", gw.losses.SparseCategoricalCrossentropy(from_logits=True))
    found = importance(ranked, data[0][order], data[1][order])
    name = ranked.layers[0].name
    ranks = found.unit_ranks(name) if form else found.ranks()[name]
    np.testing.assert_array_equal(total.astype(bool), ranks < total.sum())


def test_overlap_gives_every_expert_the_most_important_weights(data):
    model = fitted(data, overlap=0.5)
    assert (np.sum(model.supports_, axis=0) == 3).sum() == 6


def test_weights_outside_a_support_stay_exactly_zero(data):
    model = fitted(data)
    for expert, support in zip(model.experts_, model.supports_, strict=True):
        kernel = expert.get_weights()[0]
        assert (kernel[~support] == 0).all()
        assert (kernel[support] != 0).all()
    assert model.report_.nonzero == (4, 4, 4)
    fused = model.fuse().get_weights()[0]
    np.testing.assert_array_equal(fused != 0, np.any(model.supports_, axis=0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("combine", ["ridge", "softmax"])
def test_fuse_returns_one_model_with_the_same_output(data, form, combine):
    model = fitted(data, combine=combine, **form)
    fused = model.fuse()
    # Rounding of float32 sums.
    np.testing.assert_allclose(fused.predict(data[0], verbose=0), model.predict(data[0]), atol=1e-5)
    assert fused.evaluate(*data, verbose=0)[1] == pytest.approx(model.evaluate(*data), abs=0.01)


@pytest.mark.parametrize("form", FORMS)
def test_the_output_is_the_weighted_sum_of_the_experts(data, form):
    model = fitted(data, **form)
    outputs = [expert.predict(data[0], verbose=0) for expert in model.experts_]
    z = np.tensordot(model.alpha_, outputs, axes=1) + model.bias_
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(data[0]), expected, rtol=1e-5)


def test_an_expert_with_weight_zero_is_not_computed(data):
    model = fitted(data)
    model.alpha_[1] = 0
    clean = model.predict(data[0])
    model.experts_[1].set_weights([each * np.nan for each in model.experts_[1].get_weights()])
    np.testing.assert_array_equal(model.predict(data[0]), clean)


def test_linear_experts_are_sparse_and_hidden_experts_are_nonlinear(data):
    x = data[0]
    linear, hidden = fitted(data), fitted(data, hidden=24)
    assert np.count_nonzero(linear.fuse().get_weights()[0]) == 12  # a Dense layer has 16
    for model, is_linear in ((linear, True), (hidden, False)):
        z = [np.log(model.predict(part)) for part in (x[:9], x[9:18], (x[:9] + x[9:18]) / 2)]
        margins = [each[:, 0] - each[:, 1] for each in z]
        gap = np.abs((margins[0] + margins[1]) / 2 - margins[2]).max()
        assert (gap < 1e-3) == is_linear


def test_alpha_is_fitted_on_held_out_rows_and_evaluated_on_others(data):
    x, y = data
    held_out = (x[200:], y[200:])
    model = SparseExperts(3, 1.0, seed=0).fit(x[:200], y[:200], held_out, epochs=3)
    outputs = np.stack([each.predict(held_out[0], verbose=0) for each in model.experts_])
    alpha, bias = gw.decompose.combine(outputs, held_out[1])
    np.testing.assert_array_equal(model.alpha_, alpha)
    np.testing.assert_array_equal(model.bias_, bias)
    report = model.report_
    assert report.expert_scores == tuple(
        np.mean(each.argmax(axis=1) == held_out[1]) for each in outputs
    )
    assert list(report.seconds) == ["initialise", "rank", "train", "combine", "validate"]
    halves = []
    for first in (0, 1):
        alpha, bias = gw.decompose.combine(outputs[:, first::2], held_out[1][first::2])
        z = np.tensordot(alpha, outputs[:, 1 - first :: 2], axes=1) + bias
        halves.append(np.mean(z.argmax(axis=1) == held_out[1][1 - first :: 2]))
    assert report.combined_score == pytest.approx(np.mean(halves))
    assert "together" in str(report)
    assert "<table" in report._repr_html_()


def test_numeric_targets_are_learned_like_labels(data):
    x = data[0]
    y = x[:, :2] @ np.array([[1.0, 2.0], [3.0, 4.0]])
    for form in FORMS:
        optimizer = gw.optimizers.Adam(0.02)
        model = SparseExperts(2, 1.0, seed=0, optimizer=optimizer, **form).fit(x, y, epochs=40)
        assert model.report_.measure == "explained variance"
        assert model.predict(x).shape == (300, 2)
        assert model.evaluate(x, y) > 0.8
        np.testing.assert_allclose(model.fuse().predict(x, verbose=0), model.predict(x), atol=1e-4)


@pytest.mark.parametrize("method", ["magnitude", "taylor", "fisher", "activation"])
def test_every_importance_method_accepts_dense_and_csr_rows(data, method):
    x, y = data
    for form in FORMS:
        model = SparseExperts(2, 0.5, method, seed=0, **form)
        dense = model.fit(x, y, epochs=1).predict(x)
        sparse = SparseExperts(2, 0.5, method, seed=0, **form).fit(csr_array(x), y, epochs=1)
        # CSR products sum in another order.
        np.testing.assert_allclose(sparse.predict(csr_array(x)), dense, atol=1e-3)


def test_the_same_seed_gives_the_same_bits_for_any_thread_count(data):
    results = []
    for threads in (1, 2):
        gw.set_num_threads(threads)
        results.append(fitted(data, hidden=24, dropout=0.2).predict(data[0]))
    gw.set_num_threads(None)
    np.testing.assert_array_equal(*results)


def test_sparse_experts_can_be_pickled(data):
    model = fitted(data, hidden=24)
    unpickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(unpickled.predict(data[0]), model.predict(data[0]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_experts": 0}, r"n_experts: expected an integer >= 1, got 0"),
        ({"keep": 0}, r"keep: expected a number above 0, got 0"),
        ({"keep": 1.5}, r"keep: expected a number in \[0, 1\], got 1.5"),
        ({"importance": "size"}, r"importance: expected one of magnitude, .*, got 'size'"),
        ({"combine": "mean"}, r"combine: expected 'ridge' or 'softmax', got 'mean'"),
        ({"overlap": 2}, r"overlap: expected a number in \[0, 1\], got 2"),
        ({"hidden": 0}, r"hidden: expected an integer >= 1, got 0"),
        ({"activation": "best"}, r"activation: expected one of"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SparseExperts(**{"n_experts": 2, "keep": 0.5} | arguments)


def test_calls_before_fit_are_refused(data):
    model = SparseExperts(2, 0.5)
    for call in (lambda: model.predict(data[0]), model.fuse):
        with pytest.raises(AttributeError, match=r"expected fit before it"):
            call()


def held_out_accuracy(**options):
    accuracies = []
    for seed in range(3):
        x, y, x_test, y_test = load_digits(seed)
        model = SparseExperts(seed=seed, dropout=0.2, **options)
        model.fit(x[:3500], y[:3500], (x[3500:], y[3500:]))
        accuracies.append(model.evaluate(x_test, y_test))
    return np.mean(accuracies)


def test_hidden_layer_experts_learn_digits():
    assert held_out_accuracy(n_experts=4, keep=0.5, hidden=1024, warm_up=2) >= 0.93


def test_linear_experts_learn_digits_as_well_as_one_linear_softmax():
    # 0.893 of the linear softmax minus 0.005, with half of its weights.
    assert held_out_accuracy(n_experts=2, keep=0.5) >= 0.888
