"""One schedule of each kind, with boundaries within a few steps."""

from __future__ import annotations

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

SCHEDULES: list[LearningRateSchedule] = [
    ExponentialDecay(0.1, 4, 0.5),
    InverseTimeDecay(0.1, 4, 2.0, staircase=True),
    PiecewiseConstantDecay([2, 6], [0.1, 0.05, 0.01]),
    PolynomialDecay(0.1, 8, power=2.0, cycle=True),
    CosineDecay(0.0, 8, alpha=0.1, warmup_target=0.1, warmup_steps=3),
    CosineDecayRestarts(0.1, 3, m_mul=0.5),
    LinearWarmup(PolynomialDecay(0.1, 8), 3),
    LinearWarmup(0.05, 4, initial_learning_rate=0.01),
]
