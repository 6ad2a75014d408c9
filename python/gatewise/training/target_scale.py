"""A hint where targets far from unit scale leave a regression at the variance of its targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.data import SampleSet
    from gatewise.losses import Loss

_MIN_STEPS = 50
_FAR = 3.0
"""Targets of a greater mean or standard deviation are far from unit scale."""


class TargetScaleWarning(UserWarning):
    """A regression explains nothing of its targets, whose mean or scale is far from 0 and 1."""


def warn_of_target_scale(samples: SampleSet, losses: list[Loss], loss: float, steps: int) -> None:
    """Warns if the mean squared error after training is at least the variance of the targets.

    Parameters
    ----------
    samples : SampleSet
        Those of the training, in memory; files are not read again.
    losses : list of Loss
        One for each output; nothing is said unless it is a single mean squared error.
    loss : float
        Of the last epoch.
    steps : int
        Steps of the training: after a few, a loss says little.
    """
    if len(losses) != 1 or losses[0].kind != "mse" or steps < _MIN_STEPS or samples.streamed:
        return
    part = samples.targets[0]
    if part is samples.inputs[0] or part.raw is samples.inputs[0].raw:
        return  # an autoencoder
    targets = np.asarray(part.raw[part.first : part.stop], np.float64)
    mean, deviation = float(targets.mean()), float(targets.std())
    is_far = abs(mean) > _FAR or deviation > _FAR
    if not is_far or deviation == 0 or loss < float(targets.var(axis=0).mean()):
        return
    warn_user(
        f"y: the loss stays at {loss:.3g}, and the variance of the targets is {deviation**2:.3g}: "
        f"the model explains nothing. They have mean {mean:.3g} and standard deviation "
        f"{deviation:.3g}; train on (y - mean) / deviation, or with a higher learning rate",
        TargetScaleWarning,
    )
