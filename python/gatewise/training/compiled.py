"""Losses and metrics of the outputs of a compiled model, and the results of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewise import _core
from gatewise.callbacks.protocols import Direction
from gatewise.data.targets import TargetRule
from gatewise.losses import Loss, LossFunctionWrapper
from gatewise.metrics import Metric
from gatewise.optimizers import Optimizer


@dataclass(frozen=True, eq=False, repr=False)
class Resolved:
    """The losses and metrics of each output, and how the core's results are named.

    A step's results are [loss, loss of each output..., metrics of each output..., samples counted];
    `result_indices` holds name and index of those that the user sees (one output's own loss is
    the loss).
    """

    losses: list[Loss]
    loss_weights: list[float]
    metrics: list[list[Metric]]
    rules: list[TargetRule]
    result_indices: list[tuple[str, int]]
    directions: dict[str, Direction]

    @property
    def results(self) -> int:
        """How many losses and metrics a step gives."""
        return 1 + len(self.losses) + sum(map(len, self.metrics))

    def logs(self, values: Sequence[float]) -> dict[str, float]:
        """A step's results, or means of them, by name."""
        return {name: values[index] for name, index in self.result_indices}

    def make_trainer(
        self, network: _core.Network, optimizer: Optimizer, mean_over_counted: bool
    ) -> _core.Trainer:
        """The core's trainer of these losses."""
        return _core.Trainer(
            network,
            [
                (
                    loss.evaluate if isinstance(loss, LossFunctionWrapper) else loss.kind,
                    loss.training_options(),
                )
                for loss in self.losses
            ],
            self.loss_weights,
            [[(metric.kind, metric.native_options()) for metric in own] for own in self.metrics],
            optimizer.native_options(),
            mean_over_counted,
        )


class ResultSums:
    """Sums of the results of steps, from which their means are.

    Parameters
    ----------
    resolved : Resolved
        What the results are.
    mean_over_counted : bool
        Whether a loss is a mean over the samples that count, not over all of a batch.

    Attributes
    ----------
    sums : list of float
        Each result times the samples of its mean.
    samples : int
        Samples of the steps.
    counted : float
        Samples that count, of a weight that is not 0.
    layer_losses : float
        Losses that layers add, such as those of balance, times the samples.
    """

    def __init__(self, resolved: Resolved, mean_over_counted: bool) -> None:
        self._resolved = resolved
        self._losses = range(1 + len(resolved.losses))
        self._metrics = range(len(self._losses), resolved.results)
        self._mean_over_counted = mean_over_counted
        self.sums = [0.0] * resolved.results
        self.samples = 0
        self.counted = 0.0
        self.layer_losses = 0.0

    def add(self, values: list[float], samples: int) -> None:
        """Adds the results of a step; the last are losses of layers, and how many samples count."""
        # In place, and without zip: this runs in every step.
        sums, counted = self.sums, values[-1]
        weight = counted if self._mean_over_counted else samples
        for index in self._losses:
            sums[index] += values[index] * weight
        for index in self._metrics:
            sums[index] += values[index] * samples
        self.layer_losses += values[-2] * weight
        self.samples += samples
        self.counted += counted

    def output_loss(self, output: int) -> float:
        """The mean of an output's own loss, without penalties."""
        return self.sums[1 + output] / self._loss_weight

    def layer_loss(self) -> float:
        """The mean of the losses that layers add."""
        return self.layer_losses / self._loss_weight

    @property
    def _loss_weight(self) -> float:
        return (self.counted or 1.0) if self._mean_over_counted else self.samples

    def logs(self) -> dict[str, float]:
        """The means by name; a loss over no samples is 0, as in Keras."""
        weight = self._loss_weight
        means = [self.sums[index] / weight for index in self._losses]
        means += [self.sums[index] / self.samples for index in self._metrics]
        return self._resolved.logs(means)
