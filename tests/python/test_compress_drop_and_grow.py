"""Drop and grow: the mask follows the gradient while the nonzero count stays fixed."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import scipy.sparse

import gatewise as gw
from gatewise.compress import MagnitudePruning
from gatewise.compress.drop_and_grow import move
from gatewise.compress.kernels import MIN_NORMAL, smallest
from gatewise.models.gradients import mean_gradients
from sparse_models import FIT, MODELS, WIDTH, X, Y, active, kernels, record, rigl
from training_models import assert_same_weights, make_expert_model, make_model


@pytest.mark.parametrize("make", MODELS)
def test_every_expert_keeps_its_nonzero_count_during_drop_and_grow(make):
    model, counts, masks = make(), [], []
    watch = [
        record(model, counts, active),
        record(model, masks, lambda m: [w != 0 for w in kernels(m)]),
    ]
    model.fit(X, Y, callbacks=[rigl(), *watch], **FIT)
    for each in counts[1:]:
        for one, first in zip(each, counts[0], strict=True):
            np.testing.assert_array_equal(one, first)
    assert sum(map(np.sum, counts[0])) == round(0.5 * sum(w.size for w in kernels(model)))
    moved = [
        sum(int((a != b).sum()) for a, b in zip(*pair, strict=True))
        for pair in itertools.pairwise(masks)
    ]
    due = {step for step in range(1, 40) if step % 4 == 0}
    assert {step + 2 for step, each in enumerate(moved) if each} <= due
    assert sum(moved) > 0
    # The mask is fixed from the end on.
    assert not any(moved[40:])


def test_move_drops_the_smallest_weights_and_grows_at_the_largest_gradients():
    weights = np.array([3, -1, 0, 0.5, 0, -2, 0, 4], np.float32)
    gradient = np.array([0, 9, -2, 9, 1, 0, -3, 0], np.float32)
    move(weights, gradient, 5, 0.4)
    np.testing.assert_array_equal(weights, np.float32([3, 0, MIN_NORMAL, 0, 0, -2, MIN_NORMAL, 4]))


def test_move_corrects_a_nonzero_count_off_target():
    for start in ([1, 2, 0, 0, 0, 0], [1, 2, 3, 4, 5, 0]):
        weights = np.array(start, np.float32)
        move(weights, np.arange(6, dtype=np.float32), 3, 0.0)
        assert np.count_nonzero(weights) == 3
        assert set(weights) <= {0, MIN_NORMAL, *start}
    full = np.arange(1, 5, dtype=np.float32)
    move(full, full, 4, 0.5)
    np.testing.assert_array_equal(full, np.arange(1, 5))


def test_smallest_chooses_exactly_count_values_and_breaks_ties_by_index():
    values = np.float32([2, 1, 1, 0, 1])
    for count, expected in enumerate(([], [3], [1, 3], [1, 2, 3], [1, 2, 3, 4], [0, 1, 2, 3, 4])):
        assert np.flatnonzero(smallest(values, count)).tolist() == expected


def test_drop_and_grow_uses_the_gradient_of_the_given_rows():
    model = make_model()
    model.compile(gw.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    begin = copy.deepcopy(model)
    gw.compress.initialize_sparse(begin, 0.5)
    model.fit(X, Y, callbacks=[rigl(end=8, drop_fraction=1.0)], **FIT)
    gradients = mean_gradients(begin, X, Y)
    for layer, other in zip(begin.layers, model.layers, strict=True):
        expected, kernel_gradient = layer.get_weights()[0], gradients[layer.name]["kernel"]
        # Half of drop_fraction moves at step 4 of 8, nothing at step 8.
        move(expected.reshape(-1), kernel_gradient.reshape(-1), np.count_nonzero(expected), 0.5)
        np.testing.assert_array_equal(other.get_weights()[0], expected)


def test_grown_weights_are_trained():
    model = make_model()
    model.fit(X, Y, callbacks=[rigl(end=20)], **FIT)
    for w in kernels(model):
        assert np.abs(w[w != 0]).min() > 1e-6


def test_experts_without_rows_are_unchanged():
    x = np.abs(X)
    model = make_expert_model()
    layer = model.layers[0]
    weights = layer.named_weights()
    weights["router_kernel"][:, 2] = -1e3
    layer.set_weights(list(weights.values()))
    found: list[np.ndarray] = []
    watch = record(model, found, lambda m: m.layers[0].named_weights()["kernel"][2])
    with pytest.warns(gw.RoutingCollapseWarning):
        model.fit(x, Y, callbacks=[rigl(x=x), watch], **FIT)
    assert layer.load(x).rows[2] == 0
    for each in found:
        np.testing.assert_array_equal(each, found[0])
    assert 0 < np.count_nonzero(found[0]) < found[0].size


@pytest.mark.parametrize("make", MODELS)
def test_sparse_training_is_reproducible_for_any_thread_count(make):
    def run(seed: int | None = None, threads: int | None = None, rows: int = 30) -> gw.Sequential:
        gw.set_num_threads(threads)
        model = make()
        pruning = MagnitudePruning(0.6, begin_step=40, end_step=50, frequency=2)
        model.fit(X, Y, callbacks=[rigl(end=30, rows=rows, seed=seed), pruning], **FIT)
        gw.set_num_threads(None)
        return model

    assert_same_weights(run(threads=1), run(threads=2))
    for other in (run(seed=7), run(rows=90)):
        with pytest.raises(AssertionError):
            assert_same_weights(run(), other)


def test_a_second_training_continues_with_the_mask_of_the_first():
    model = make_model()
    callback = rigl()
    model.fit(X, Y, callbacks=[callback], **FIT)
    counts, after = active(model), kernels(model)
    found: list[list[np.ndarray]] = []
    model.fit(X, Y, callbacks=[callback, record(model, found, kernels)], **FIT)
    for old, new in zip(after, found[0], strict=True):
        np.testing.assert_array_equal(old != 0, new != 0)
    for old, new in zip(counts, active(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_without_a_density_the_zeros_of_the_model_are_kept():
    model = make_model()
    rng = np.random.default_rng(0)
    model.set_weights([np.where(rng.random(w.shape) < 0.25, w, 0) for w in model.get_weights()])
    before = active(model)
    model.fit(X, Y, callbacks=[rigl(None)], **FIT)
    for old, new in zip(before, active(model), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_zeroed_by_a_penalty_are_regrown():
    hidden = gw.layers.Dense(8, "relu", kernel_regularizer=gw.regularizers.L1(0.02))
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), hidden, gw.layers.Dense(3, "softmax")])
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    wanted = gw.compress.initialize_sparse(model, 0.5)[hidden.name] * 48
    found: list[list[np.ndarray]] = []
    model.fit(X, Y, callbacks=[rigl(), record(model, found, active)], **FIT)
    counts = [int(each[0].sum()) for each in found]
    assert min(counts[:40]) < wanted
    assert all(counts[step - 1] == wanted for step in range(4, 40, 4))


def test_gradients_can_be_computed_from_csr_rows():
    rows = scipy.sparse.csr_array(np.where(np.abs(X) > 0.7, X, 0))
    models = [make_model(), make_model()]
    for model, x in zip(models, (rows, rows.toarray()), strict=True):
        model.fit(x, Y, callbacks=[rigl(x=x, rows=20)], **FIT)
    for one, other in zip(*map(kernels, models), strict=True):
        # CSR and dense products sum in the same order, except for the zeros.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
