"""Losses and metrics of the outputs of a compiled model, and the results of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gatewise import _core
from gatewise.callbacks.protocols import Direction
from gatewise.data.targets import TargetRule
from gatewise.losses import Loss, LossFunctionWrapper
from gatewise.metrics import RowMetric
from gatewise.optimizers import Optimizer
from gatewise.training.metric_objects import MetricObject, MetricObjects


@dataclass(frozen=True, eq=False, repr=False)
class Resolved:
    """The losses and metrics of each output, and how the core's results are named.

    A step's results are [loss, loss of each output..., metrics of each output in the core...,
    losses of layers, samples counted]. `result_indices` holds name and index of those that the user
    sees (one output's own loss is the loss); indices from `results` on are those of `objects`.
    """

    losses: list[Loss]
    loss_weights: list[float]
    metrics: list[list[RowMetric]]
    objects: list[MetricObject]
    rules: list[TargetRule]
    result_indices: list[tuple[str, int]]
    directions: dict[str, Direction | None]

    @property
    def results(self) -> int:
        """How many losses and metrics a step of the core gives."""
        return 1 + len(self.losses) + sum(map(len, self.metrics))

    def logs(self, values: Sequence[float], objects: MetricObjects | None = None) -> dict[str, Any]:
        """A step's results, or means of them, and those of metric objects, by name."""
        if objects is not None:
            values = [*values[: self.results], *objects.results()]
        return {name: values[index] for name, index in self.result_indices}

    def make_objects(self, trainer: _core.Trainer, copied: bool) -> MetricObjects | None:
        """The metric objects, not reset yet; None if there are none.

        `copied` is for a test within a training, which goes on with the objects themselves.
        """
        if not self.objects:
            return None
        return MetricObjects(trainer, self.objects, [rule.shape for rule in self.rules], copied)

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
            [any(each.output == at for each in self.objects) for at in range(len(self.losses))],
        )


class ResultSums:
    """Sums of the results of steps, from which their means are.

    Parameters
    ----------
    resolved : Resolved
        What the results are.
    mean_over_counted : bool
        Whether a loss is a mean over the samples that count, not over all of a batch.
    objects : MetricObjects, optional
        Metrics that see the rows of each step.

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

    def __init__(
        self, resolved: Resolved, mean_over_counted: bool, objects: MetricObjects | None = None
    ) -> None:
        self.objects = objects
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
        if self.objects is not None:
            self.objects.add_step(samples)

    def output_loss(self, output: int) -> float:
        """The mean of an output's own loss, without penalties."""
        return self.sums[1 + output] / self._loss_weight

    def layer_loss(self) -> float:
        """The mean of the losses that layers add."""
        return self.layer_losses / self._loss_weight

    @property
    def _loss_weight(self) -> float:
        return (self.counted or 1.0) if self._mean_over_counted else self.samples

    def logs(self) -> dict[str, Any]:
        """The means by name; a loss over no samples is 0, as in Keras."""
        weight = self._loss_weight
        means = [self.sums[index] / weight for index in self._losses]
        means += [self.sums[index] / self.samples for index in self._metrics]
        return self._resolved.logs(means, self.objects)
