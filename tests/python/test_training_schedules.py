"""Training with learning rates as functions of the step count."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.callbacks import BackupAndRestore, Callback
from gatewise.optimizers import SGD, Adam, AdamW, schedules
from gatewise.optimizers.schedules import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    LinearWarmup,
)
from training_models import assert_same_weights, make_data, make_expert_model, make_model
from training_schedules import SCHEDULES

X, Y = make_data(50)
BATCH, STEPS = 10, 5


class OwnSchedule(LearningRateSchedule):
    """A user-defined schedule."""

    def __call__(self, step: float) -> float:
        return 0.1 / (1 + step)


class ConstantResult(LearningRateSchedule):
    """A schedule that returns a given value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, step: float) -> float:
        if self.value is OverflowError:
            raise OverflowError
        result: float = self.value
        return result


def rates_of_steps(schedule: LearningRateSchedule, steps: int) -> list[float]:
    """The rate of the core in each step of a `fit`."""

    class Recorder(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(self.model._state.trainer.learning_rate)

    seen: list[float] = []
    make_model(optimizer=SGD(schedule)).fit(
        X, Y, batch_size=BATCH, epochs=steps // STEPS, verbose=0, callbacks=[Recorder()]
    )
    return seen


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_rate_of_a_step_depends_on_the_count_of_earlier_steps(
    schedule: LearningRateSchedule,
) -> None:
    assert rates_of_steps(schedule, 15) == [schedule(step) for step in range(15)]


@pytest.mark.parametrize("made", [SGD, Adam, AdamW])
def test_fit_has_the_bits_of_a_loop_that_sets_the_rate(made: Any) -> None:
    schedule = CosineDecay(0.01, 20, warmup_target=0.1, warmup_steps=4)
    scheduled, by_hand = make_model(optimizer=made(schedule)), make_model(optimizer=made(1.0))
    scheduled.fit(X, Y, batch_size=BATCH, epochs=3, shuffle=False, verbose=0)
    for step in range(3 * STEPS):
        rows = slice(step % STEPS * BATCH, step % STEPS * BATCH + BATCH)
        by_hand.optimizer.learning_rate = schedule(step)
        by_hand.train_on_batch(X[rows], Y[rows])
    assert_same_weights(scheduled, by_hand)


def test_single_steps_follow_the_schedule() -> None:
    stepped, fitted = (make_model(optimizer=Adam(CosineDecay(0.1, 10))) for _ in range(2))
    fitted.fit(X, Y, batch_size=50, epochs=4, shuffle=False, verbose=0)
    for _ in range(4):
        stepped.train_on_batch(X, Y)
    assert_same_weights(stepped, fitted)


def test_learning_rate_of_the_optimizer_is_that_of_the_next_step() -> None:
    schedule = ExponentialDecay(0.1, 4, 0.5)
    model = make_model(optimizer=SGD(schedule))
    optimizer = model.optimizer
    assert (optimizer.learning_rate, optimizer.iterations) == (0.1, 0)
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    model.evaluate(X, Y, verbose=0)
    assert (optimizer.learning_rate, optimizer.iterations) == (schedule(5), 5)
    assert optimizer.schedule is schedule and SGD(0.1).schedule is None


def test_a_schedule_cannot_be_replaced_by_a_number() -> None:
    optimizer = Adam(CosineDecay(0.1, 10))
    with pytest.raises(TypeError, match=r"^learning_rate: expected a schedule, since CosineDecay"):
        optimizer.learning_rate = 0.01
    assert optimizer.learning_rate == 0.1


@pytest.mark.parametrize("before", [0.1, ExponentialDecay(0.1, 4, 0.5)])
def test_a_number_or_schedule_can_be_replaced_by_a_schedule(before: Any) -> None:
    follower = InverseTimeDecay(0.5, 4, 1.0)

    class Setter(Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                self.model.optimizer.learning_rate = follower

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(self.model._state.trainer.learning_rate)

    seen: list[float] = []
    model = make_model(optimizer=SGD(before))
    model.fit(X, Y, batch_size=BATCH, verbose=0, callbacks=[Setter()])
    first = [before(step) if callable(before) else before for step in range(2)]
    assert seen == first + [follower(step) for step in range(2, 5)]


def test_a_user_defined_schedule_works_in_training() -> None:
    assert rates_of_steps(OwnSchedule(), 5) == [0.1 / (1 + step) for step in range(5)]
    assert "OwnSchedule" in repr(SGD(OwnSchedule()))


def test_a_user_defined_schedule_is_not_written_to_files(tmp_path: Path) -> None:
    model = make_model(optimizer=SGD(OwnSchedule()))
    with pytest.raises(TypeError, match=r"schedule: expected an instance of .* one of OwnSchedule"):
        model.save(tmp_path / "model.gatewise")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="one of OwnSchedule"):
        schedules.serialize(LinearWarmup(OwnSchedule(), 3))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_loaded_and_copied_models_continue_training_with_the_same_bits(
    schedule: LearningRateSchedule, tmp_path: Path
) -> None:
    model = make_model(optimizer=Adam(schedule))
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    model.save(tmp_path / "model.gatewise")
    others = [
        gw.models.load_model(tmp_path / "model.gatewise"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    model.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    for other in others:
        assert other.optimizer.schedule == schedule
        assert other.optimizer.iterations == STEPS
        assert other.optimizer.learning_rate == schedule(STEPS)
        other.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
        assert_same_weights(model, other)
    assert copy.deepcopy(model.optimizer).schedule == schedule


class KilledError(Exception):
    """The exception that stops a training in these tests."""


def train(folder: Path, rate: Any, killed_after: int | None = None) -> gw.Sequential:
    class Killer(Callback):
        steps = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            if self.steps == killed_after:
                raise KilledError

    model = make_expert_model(noise=True)
    model.compile(Adam(rate), "sparse_categorical_crossentropy")
    callbacks = [BackupAndRestore(folder, save_freq=2), Killer()]
    model.fit(X, Y, batch_size=BATCH, epochs=4, verbose=0, callbacks=callbacks)
    return model


@pytest.mark.parametrize("schedule", [SCHEDULES[4], LinearWarmup(OwnSchedule(), 8)], ids=str)
@pytest.mark.parametrize("killed_after", [3, 5, 12])
def test_a_continued_training_has_the_same_bits(
    schedule: LearningRateSchedule, killed_after: int, tmp_path: Path
) -> None:
    whole = train(tmp_path / "whole", schedule)
    with pytest.raises(KilledError):
        train(tmp_path / "cut", schedule, killed_after)
    assert_same_weights(whole, train(tmp_path / "cut", schedule))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CosineDecay(0.1, 20), 0.1),
        (0.1, CosineDecay(0.1, 20)),
        (CosineDecay(0.1, 20), CosineDecay(0.1, 30)),
        (OwnSchedule(), CosineDecay(0.1, 20)),
    ],
)
def test_continuing_with_another_schedule_is_refused(
    before: Any, after: Any, tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        train(tmp_path, before, killed_after=3)
    with pytest.raises(ValueError, match=r"schedule: expected .* as in the training to be conti"):
        train(tmp_path, after)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-0.1, ValueError, r"^ConstantResult\(0\): expected a number >= 0, got -0.1"),
        (math.nan, ValueError, r"^ConstantResult\(0\): expected a number >= 0, got nan"),
        (OverflowError, ValueError, r"^ConstantResult\(0\): expected a number >= 0, got inf"),
        (None, TypeError, r"^ConstantResult\(0\): expected a number >= 0, got None"),
    ],
)
def test_a_schedule_that_returns_no_valid_rate_is_refused_before_the_step(
    value: Any, error: type[Exception], message: str
) -> None:
    model = make_model(optimizer=SGD(ConstantResult(value)))
    before = model.get_weights()
    with pytest.raises(error, match=message):
        model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
