"""Learning rates as functions of the step count."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.optimizers import SGD, Adam, AdamW, schedules
from gatewise.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    LinearWarmup,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from training_schedules import SCHEDULES


def cosine(p: float) -> float:
    return (1 + math.cos(math.pi * p)) / 2


# Keras' formulas, computed by hand: a schedule, and its rates at steps around its boundaries.
VALUES: list[tuple[LearningRateSchedule, dict[int, float]]] = [
    (
        ExponentialDecay(0.1, 10, 0.5),
        {0: 0.1, 1: 0.1 * 0.5**0.1, 9: 0.1 * 0.5**0.9, 10: 0.05, 25: 0.1 * 0.5**2.5},
    ),
    (
        ExponentialDecay(0.1, 10, 0.5, staircase=True),
        {0: 0.1, 1: 0.1, 9: 0.1, 10: 0.05, 19: 0.05, 20: 0.025, 1000: 0.1 * 0.5**100},
    ),
    (InverseTimeDecay(0.1, 10, 2.0), {0: 0.1, 1: 0.1 / 1.2, 10: 0.1 / 3, 100: 0.1 / 21}),
    (
        InverseTimeDecay(0.1, 10, 2.0, staircase=True),
        {0: 0.1, 9: 0.1, 10: 0.1 / 3, 11: 0.1 / 3, 20: 0.02},
    ),
    (
        PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1]),
        {0: 1.0, 1: 1.0, 10: 1.0, 11: 0.5, 20: 0.5, 21: 0.1, 10**6: 0.1},
    ),
    (
        PolynomialDecay(0.1, 10, 0.02, power=2.0),
        {0: 0.1, 1: 0.08 * 0.9**2 + 0.02, 9: 0.08 * 0.1**2 + 0.02, 10: 0.02, 11: 0.02, 99: 0.02},
    ),
    (PolynomialDecay(0.1, 10), {5: 0.0999 / 2 + 0.0001, 10: 0.0001}),
    (
        PolynomialDecay(0.1, 10, 0.0, cycle=True),
        {0: 0.1, 10: 0.0, 11: 0.1 * (1 - 11 / 20), 20: 0.0, 21: 0.1 * (1 - 21 / 30)},
    ),
    (
        CosineDecay(0.1, 10),
        {0: 0.1, 1: 0.1 * cosine(0.1), 5: 0.05, 9: 0.1 * cosine(0.9), 10: 0.0, 11: 0.0, 99: 0.0},
    ),
    (CosineDecay(0.1, 10, alpha=0.2), {0: 0.1, 5: 0.06, 10: 0.02, 99: 0.02}),
    (
        CosineDecay(0.01, 10, alpha=0.5, warmup_target=0.1, warmup_steps=4),
        {0: 0.01, 1: 0.0325, 3: 0.0775, 4: 0.1, 5: 0.1 * (0.5 * cosine(0.1) + 0.5), 14: 0.05},
    ),
    (CosineDecay(0.01, 10, warmup_target=0.1), {0: 0.1, 5: 0.05}),
    (CosineDecay(0.1, 10, warmup_steps=4), {0: 0.1, 5: 0.05}),
    (
        CosineDecayRestarts(0.1, 10, m_mul=0.5),
        {0: 0.1, 1: 0.1 * cosine(0.1), 9: 0.1 * cosine(0.9), 10: 0.05, 20: 0.025, 30: 0.025},
    ),
    (
        CosineDecayRestarts(0.1, 10, t_mul=1.0, alpha=0.2),
        {0: 0.1, 5: 0.06, 9: 0.1 * (0.8 * cosine(0.9) + 0.2), 10: 0.1, 25: 0.06, 1000: 0.1},
    ),
    (LinearWarmup(0.1, 4), {0: 0.0, 1: 0.025, 3: 0.075, 4: 0.1, 99: 0.1}),
    (
        LinearWarmup(PolynomialDecay(0.1, 10, 0.0), 4, initial_learning_rate=0.02),
        {0: 0.02, 1: 0.04, 4: 0.1, 5: 0.09, 14: 0.0, 99: 0.0},
    ),
]


@pytest.mark.parametrize(("schedule", "rates"), VALUES, ids=lambda each: str(each)[:50])
def test_rates_agree_with_the_formula(
    schedule: LearningRateSchedule, rates: dict[int, float]
) -> None:
    for step, rate in rates.items():
        # A few roundings of values up to 1.
        assert schedule(step) == pytest.approx(rate, rel=1e-13, abs=1e-16), step


def test_every_first_step_of_a_period_has_the_peak_rate() -> None:
    for t_mul in (1.5, 2.0, 3.0, 7.0):
        schedule, begin = CosineDecayRestarts(1.0, 64, t_mul=t_mul, m_mul=0.5), 0.0
        for period in range(7):
            assert schedule(begin) == pytest.approx(0.5**period), (t_mul, period)
            begin += 64 * t_mul**period


def test_cosine_decay_with_warmup_agrees_with_keras() -> None:
    whole = CosineDecay(0.0, 10, alpha=0.1, warmup_target=0.3, warmup_steps=7)
    parts = LinearWarmup(CosineDecay(0.3, 10, alpha=0.1), 7)
    assert [parts(step) for step in range(30)] == [whole(step) for step in range(30)]


@pytest.mark.parametrize(
    ("made", "arguments"),
    [
        (
            ExponentialDecay,
            "initial_learning_rate, decay_steps, decay_rate, staircase=False, "
            "name='ExponentialDecay'",
        ),
        (
            InverseTimeDecay,
            "initial_learning_rate, decay_steps, decay_rate, staircase=False, "
            "name='InverseTimeDecay'",
        ),
        (PiecewiseConstantDecay, "boundaries, values, name='PiecewiseConstant'"),
        (
            PolynomialDecay,
            "initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, "
            "cycle=False, name='PolynomialDecay'",
        ),
        (
            CosineDecay,
            "initial_learning_rate, decay_steps, alpha=0.0, name='CosineDecay', "
            "warmup_target=None, warmup_steps=0",
        ),
        (
            CosineDecayRestarts,
            "initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, "
            "name='SGDRDecay'",
        ),
    ],
)
def test_arguments_and_defaults_are_those_of_keras(made: type, arguments: str) -> None:
    found = inspect.signature(made).parameters.values()
    assert ", ".join(str(each.replace(annotation=each.empty)) for each in found) == arguments


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("made", [SGD, Adam, AdamW])
def test_schedules_are_restored_from_their_configuration(
    made: Any, schedule: LearningRateSchedule
) -> None:
    config = json.loads(json.dumps(schedules.serialize(schedule)))
    assert schedules.deserialize(config) == schedule
    assert made(config).schedule == schedule
    optimizer = made(schedule)
    stored = json.loads(json.dumps(gw.optimizers.serialize(optimizer)))
    restored = gw.optimizers.get(stored)
    assert restored.schedule == schedule and restored.get_config() == optimizer.get_config()
    assert made.from_config(optimizer.get_config()).schedule == schedule


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: CosineDecay(-1, 10), ValueError, "initial_learning_rate: expected a number >= 0"),
        (lambda: CosineDecay("x", 10), TypeError, "initial_learning_rate: expected a number"),
        (lambda: CosineDecay(1, 0), ValueError, "decay_steps: expected a number > 0, got 0"),
        (lambda: CosineDecay(1, 9, alpha=-1), ValueError, "alpha: expected a number >= 0"),
        (lambda: CosineDecay(1, 9, warmup_target=-1), ValueError, "warmup_target: expected a numb"),
        (lambda: CosineDecay(1, 9, warmup_steps=-1), ValueError, "warmup_steps: expected a number"),
        (lambda: CosineDecayRestarts(1, -1), ValueError, "first_decay_steps: expected a number"),
        (lambda: CosineDecayRestarts(1, 9, 0.5), ValueError, "t_mul: expected a number >= 1"),
        (lambda: CosineDecayRestarts(1, 9, m_mul=-1), ValueError, "m_mul: expected a number >= 0"),
        (lambda: ExponentialDecay(1, 9, -1), ValueError, "decay_rate: expected a number >= 0"),
        (lambda: ExponentialDecay(1, 9, 1, 1), TypeError, "staircase: expected True or False"),
        (lambda: InverseTimeDecay(1, 0, 1), ValueError, "decay_steps: expected a number > 0"),
        (lambda: PolynomialDecay(1, 9, -1), ValueError, "end_learning_rate: expected a number"),
        (lambda: PolynomialDecay(1, 9, power=-1), ValueError, "power: expected a number >= 0"),
        (lambda: PolynomialDecay(1, 9, cycle=None), TypeError, "cycle: expected True or False"),
        (lambda: PiecewiseConstantDecay([1], [1]), ValueError, "values: expected 2 numbers"),
        (lambda: PiecewiseConstantDecay([2, 2], [1] * 3), ValueError, "boundaries: .* ascending"),
        (lambda: PiecewiseConstantDecay(3, [1]), TypeError, "boundaries: expected a list"),
        (lambda: PiecewiseConstantDecay([3], [1, -1]), ValueError, "values: expected a number"),
        (lambda: LinearWarmup(0.1, 0), ValueError, "warmup_steps: expected a number > 0, got 0"),
        (lambda: LinearWarmup("x", 5), TypeError, "learning_rate: expected a number >= 0 or a sch"),
        (lambda: LinearWarmup(1, 5, -1), ValueError, "initial_learning_rate: expected a number"),
        (lambda: Adam(CosineDecay), TypeError, "learning_rate: .* schedule.* the class CosineDeca"),
        (lambda: Adam(lambda: 0.1), TypeError, "learning_rate: expected a number >= 0 or a sched"),
        (
            lambda: Adam({"class_name": "os", "config": {}}),
            ValueError,
            "learning_rate: expected one of .*cosine_decay, .*; got 'os'",
        ),
        (lambda: schedules.deserialize({"a": 1}), TypeError, "config: expected .* class_name"),
        (
            lambda: schedules.deserialize({}, custom_objects={}),
            TypeError,
            "deserialize: custom_objects is not supported",
        ),
    ],
)
def test_wrong_arguments_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_numpy_scalars_are_stored_as_python_numbers() -> None:
    schedule = PiecewiseConstantDecay(np.array([1, 2]), np.float32([0.5, 0.25, 0.125]))
    config = json.loads(json.dumps(schedules.serialize(schedule)))
    assert config["config"]["values"] == [0.5, 0.25, 0.125]
    steps = json.dumps(schedules.serialize(CosineDecay(np.float32(0.5), np.int64(10))))
    assert schedules.deserialize(json.loads(steps)) == CosineDecay(0.5, 10)
