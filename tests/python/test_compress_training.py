"""Pruning on a schedule, and continuing all sparse training after a stop."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import BackupAndRestore, Callback
from gatewise.compress import MagnitudePruning
from sparse_models import BATCH, EPOCHS, FIT, MODELS, STEPS, X, Y, kernels, record, rigl, zeros
from training_models import assert_same_weights, make_expert_model, make_model


@pytest.mark.parametrize("exponent", [1, 3])
@pytest.mark.parametrize("make", MODELS)
def test_pruning_follows_the_polynomial_schedule(make, exponent):
    model, found = make(), []
    pruning = MagnitudePruning(0.8, 0.2, 5, 41, frequency=4, exponent=exponent)
    model.fit(X, Y, callbacks=[pruning, record(model, found, lambda m: sum(zeros(m)))], **FIT)
    total = sum(w.size for w in kernels(model))
    share = 0.0
    for step, count in enumerate(found, start=1):
        if step in range(5, 42, 4):
            share = 0.8 + (0.2 - 0.8) * (1 - (step - 5) / 36) ** exponent
        assert count == round(share * total), step


def test_pruning_removes_the_smallest_weights_of_all_kernels_or_of_each():
    model = make_model()
    before = kernels(model)
    for scope in ("global", "layer"):
        pruned, found = copy.deepcopy(model), []
        # A learning rate of 0, so that training changes no weight.
        pruned.compile(gw.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        pruning = MagnitudePruning(0.5, 0.5, 0, 3, frequency=1, scope=scope)
        pruned.fit(X, Y, callbacks=[pruning, record(pruned, found, zeros)], **FIT)
        if scope == "layer":
            assert found[0] == [w.size // 2 for w in before]
            bounds = [np.median(np.abs(w)) for w in before]
        else:
            bounds = [np.median(np.abs(np.concatenate([w.reshape(-1) for w in before])))] * 2
        for old, new, bound in zip(before, kernels(pruned), bounds, strict=True):
            np.testing.assert_array_equal(new, np.where(np.abs(old) > bound, old, 0))


@pytest.mark.parametrize("make", MODELS)
def test_pruned_weights_stay_zero_in_files_and_later_trainings(make, tmp_path):
    model = make()
    model.fit(X, Y, callbacks=[MagnitudePruning(0.7)], **FIT)
    masks = [w != 0 for w in kernels(model)]
    assert sum(map(np.sum, masks)) == sum(w.size for w in masks) - round(
        0.7 * sum(map(np.size, masks))
    )
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    for each in (model, loaded):
        each.fit(X, Y, **FIT)
    for mask, w in zip(masks, kernels(model), strict=True):
        np.testing.assert_array_equal(w != 0, mask)
    assert_same_weights(model, loaded)


def test_no_constraint_is_set_before_the_first_pruning():
    model = make_model()
    model.layers[-1].set_weights([np.zeros((8, 3)), np.zeros(3)])
    pruning = MagnitudePruning(0.5, begin_step=10, end_step=20, frequency=1, scope="layer")
    found: list[bool] = []
    constrained = record(model, found, lambda m: m.layers[-1].kernel_constraint is not None)
    model.fit(X, Y, callbacks=[pruning, constrained], **FIT)
    # At step 10 the target fraction of zeros is still 0.
    assert found == [False] * 10 + [True] * (STEPS * EPOCHS - 10)
    assert (kernels(model)[-1] != 0).any()


def test_steps_given_as_fractions_of_the_training_equal_step_counts():
    weights = []
    for begin, end, frequency in ((0.5, 1.0, 0.1), (27, 54, 5)):
        model = make_model()
        model.fit(X, Y, callbacks=[MagnitudePruning(0.9, 0, begin, end, frequency)], **FIT)
        weights.append(model)
    assert_same_weights(*weights)
    assert sum(zeros(weights[0])) == round(0.9 * 72)


def test_only_the_given_layers_are_pruned():
    model = make_model()
    name = model.layers[-1].name
    model.fit(X, Y, callbacks=[MagnitudePruning(0.5, layers=[name])], **FIT)
    assert zeros(model) == [0, 12]


def test_a_training_from_a_later_epoch_continues_the_schedule():
    whole = make_model()
    found: list[int] = []
    pruning = MagnitudePruning(0.9, 0, 0, 40, 1)
    whole.fit(X, Y, callbacks=[pruning, record(whole, found, lambda m: sum(zeros(m)))], **FIT)
    late, late_counts = make_model(), []
    counting = record(late, late_counts, lambda m: sum(zeros(m)))
    late.fit(X, Y, callbacks=[pruning, counting], initial_epoch=3, **FIT)
    assert late_counts == found[3 * STEPS :]


def test_pruning_counts_the_steps_of_an_iterator_without_length():
    def batches():
        while True:
            yield X[:BATCH], Y[:BATCH]

    model = make_model()
    with pytest.raises(ValueError, match=r"end_step: expected a step count.* fraction 0.75"):
        model.fit(({"x": X} for _ in ()), callbacks=[MagnitudePruning(0.5)], verbose=0)
    model.fit(batches(), steps_per_epoch=5, epochs=4, verbose=0, callbacks=[MagnitudePruning(0.5)])
    assert sum(zeros(model)) == 36


class KilledError(Exception):
    """The exception that stops a training in these tests."""


class Killer(Callback):
    """Stops the training after a given number of steps, if any."""

    def __init__(self, after: int | None) -> None:
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KilledError


def sparse_callback(kind: str) -> Callback:
    if kind == "pruning":
        return MagnitudePruning(0.8, begin_step=3, end_step=40, frequency=4)
    return rigl(None if kind == "own zeros" else 0.5, end=50, rows=30)


@pytest.mark.parametrize("save_freq", ["epoch", 4])
@pytest.mark.parametrize("after", [2, 10, 20, 45])
@pytest.mark.parametrize("kind", ["pruning", "rigl", "own zeros"])
def test_a_continued_sparse_training_has_the_same_bits(tmp_path, kind, after, save_freq):
    def train(folder: str, stop: int | None, seed: int) -> gw.Sequential:
        model = make_expert_model(seed)
        if kind == "own zeros":
            gw.compress.initialize_sparse(model, 0.3 if seed == 1 else 0.6)
        callbacks = [sparse_callback(kind), BackupAndRestore(tmp_path / folder, save_freq)]
        model.fit(X, Y, callbacks=[*callbacks, Killer(stop)], **FIT)
        return model

    whole = train("whole", None, 1)
    with pytest.raises(KilledError):
        train("cut", after, 1)
    # The continued training has other weights and zeros: all state must come from the file.
    continued = train("cut", None, 5 if list((tmp_path / "cut").iterdir()) else 1)
    assert_same_weights(whole, continued)
    for model in (whole, continued):
        model.fit(X, Y, **FIT)
    assert_same_weights(whole, continued)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MagnitudePruning(1.0), ValueError, "final_sparsity: expected a number below 1"),
        (
            lambda: MagnitudePruning(0.5, 0.6),
            ValueError,
            r"initial_sparsity: .* \[0, 0.5\], got 0.6",
        ),
        (lambda: MagnitudePruning(0.5, scope="all"), ValueError, "scope: expected one of global,"),
        (lambda: MagnitudePruning(0.5, begin_step=1.5), ValueError, r"begin_step: .* \[0, 1\]"),
        (lambda: MagnitudePruning(0.5, end_step=-1), ValueError, "end_step: expected an integer"),
        (lambda: MagnitudePruning(0.5, frequency="1"), TypeError, "frequency: expected an integer"),
        (lambda: MagnitudePruning(0.5, exponent=-1), ValueError, "exponent: expected a number"),
        (lambda: rigl(0), ValueError, "density: expected a number above 0, got 0"),
        (lambda: rigl(drop_fraction=2), ValueError, "drop_fraction: expected a number in"),
        (lambda: rigl(distribution="x"), ValueError, "distribution: expected one of erdos_renyi"),
        (lambda: rigl(rows=0), ValueError, "rows: expected an integer >= 1, got 0"),
        (
            lambda: rigl(y=Y[:3]),
            ValueError,
            r"x, y: expected equal row counts, got shapes \(90, 6",
        ),
        (lambda: rigl(x=[1.0]), TypeError, "x: expected an array, got list"),
    ],
)
def test_wrong_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (
            lambda: MagnitudePruning(0.5, 0, 20, 10),
            "end_step: expected a step after begin_step, 20, got 10",
        ),
        (lambda: MagnitudePruning(0.5, layers=["a"]), "layers: expected some of dense"),
        (lambda: rigl(0.01), "density: expected at least one weight in every kernel, got 0.01"),
        (lambda: rigl(end=0), "end: expected a step after begin, 0, got 0"),
    ],
)
def test_a_schedule_that_does_not_fit_the_training_is_refused_before_its_first_step(
    callback, message
):
    model = make_model()
    before = copy.deepcopy(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, callbacks=[callback()], **FIT)
    assert_same_weights(model, before)
    model.fit(X, Y, **FIT)
