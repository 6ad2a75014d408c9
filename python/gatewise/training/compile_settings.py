"""What `compile` was given, and what it means for the outputs of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from gatewise import losses, metrics, optimizers
from gatewise.callbacks.protocols import Direction
from gatewise.data.convert import Shape
from gatewise.data.targets import TargetRule
from gatewise.losses import Loss
from gatewise.metrics import Metric
from gatewise.registry import Config
from gatewise.training.compiled import Resolved
from gatewise.utils.checks import to_plain

MetricId: TypeAlias = str | Metric


class CompileSettings:
    """The arguments of `compile`, names already made objects.

    Parameters
    ----------
    optimizer : str, dict or Optimizer
        See `gatewise.optimizers.get`.
    loss : str, dict, Loss, callable, list or dict of them, or None
        One for all outputs; one for each in order; or one for each by name.
    loss_weights : float, list or dict, optional
        Factors of the losses in their sum, in the form of `loss`.
    metrics : list or dict, optional
        For one output a list of metrics; for several a list of lists, or a dict by output name.

    Raises
    ------
    TypeError, ValueError
        If a name is not known, or a form not as said.
    """

    def __init__(
        self, optimizer: object, loss: object, loss_weights: object, metrics: object
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.loss = _map(loss, _to_loss)
        if _is_nested(self.loss):
            raise TypeError("loss: expected one for each output, got a list inside a list")
        loss_weights = to_plain(loss_weights)
        if isinstance(loss_weights, bool) or not isinstance(
            loss_weights, (int, float, list, tuple, Mapping, type(None))
        ):
            raise TypeError(
                "loss_weights: expected a number, or a list or dict of numbers, "
                f"got {type(loss_weights).__name__}"
            )
        self.loss_weights = _map(loss_weights, _to_weight)
        if _is_nested(self.loss_weights):
            raise TypeError("loss_weights: expected one for each output, got a list inside a list")
        if metrics is not None and not isinstance(metrics, (list, tuple, Mapping)):
            raise TypeError(
                f"metrics: expected a list or a dict of metrics, got {metrics!r}"
                + (f"; expected [{metrics!r}]" if isinstance(metrics, str) else "")
            )
        self.metrics = _map(metrics, _to_metrics)

    def get_config(self) -> Config:
        """The arguments as JSON values, with which `compile` does the same.

        Functions, and objects of classes of the user, are not JSON values but themselves.
        """
        return {**self.fixed_config(), "optimizer": optimizers.serialize(self.optimizer)}

    def fixed_config(self) -> Config:
        """The arguments as JSON values, but for the learning rate, which may change."""
        optimizer = self.optimizer
        return {
            "optimizer": {
                "class_name": type(optimizer).__name__,
                "config": optimizer.fixed_settings(),
            },
            "loss": _map(self.loss, _serialize),
            "loss_weights": self.loss_weights,
            "metrics": _map(self.metrics, _serialize),
        }

    def resolve(self, names: Sequence[str], shapes: Sequence[Shape]) -> Resolved:
        """What the arguments mean for outputs of these names and shapes.

        Raises
        ------
        ValueError
            If there is no loss, or a list or dict does not fit the outputs.
        """
        if self.loss is None:
            raise ValueError("loss: expected a loss in compile, got None")
        own_losses = _per_output(self.loss, names, "loss", required=True)
        weights = [
            weight if isinstance(weight, float) else 1.0
            for weight in _per_output(self.loss_weights, names, "loss_weights")
        ]
        chosen = self._metrics_of(names)
        found: list[Loss] = [loss for loss in own_losses if isinstance(loss, Loss)]
        if len(found) != len(names):
            missing = names[next(i for i, loss in enumerate(own_losses) if loss is None)]
            raise ValueError(f"loss: expected a loss for each output, got None for {missing!r}")
        resolved = [
            [metrics.get_for_output(metric, loss, int(shape[-1] or 0)) for metric in own]
            for own, loss, shape in zip(chosen, found, shapes, strict=True)
        ]
        result_indices, directions = _name_results(names, resolved)
        return Resolved(
            losses=found,
            loss_weights=weights,
            metrics=resolved,
            rules=[TargetRule(loss, shape) for loss, shape in zip(found, shapes, strict=True)],
            result_indices=result_indices,
            directions=directions,
        )

    def _metrics_of(self, names: Sequence[str]) -> list[list[MetricId]]:
        given = self.metrics
        if not given:
            return [[] for _ in names]
        if len(names) == 1 and isinstance(given, list):
            return [_flatten(given)]
        return [_flatten(own) for own in _per_output(given, names, "metrics")]


def _map(value: object, convert: Callable[[object], object]) -> object:
    """`convert` of each leaf of a list, or dict by output names, or of the one value."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [_map(each, convert) for each in value]
    if isinstance(value, Mapping) and set(value) != {"class_name", "config"}:
        return {str(key): _map(each, convert) for key, each in value.items()}
    return convert(value)


def _is_nested(mapped: object) -> bool:
    """Whether a list or dict has lists or dicts inside."""
    if not isinstance(mapped, list | dict):
        return False
    inner = mapped.values() if isinstance(mapped, dict) else mapped
    return any(isinstance(each, list | dict) for each in inner)


def _to_loss(value: object) -> Loss:
    loss = losses.get(value)
    if loss.reduction in ("none", None):
        raise ValueError(
            "loss: expected a reduction to one number, such as sum_over_batch_size, got "
            f"reduction={loss.reduction!r} of {type(loss).__name__}, which is for losses of arrays"
        )
    return loss


def _to_weight(value: object) -> float:
    value = to_plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"loss_weights: expected finite numbers, got {value!r}")
    return float(value)


def _to_metrics(value: object) -> MetricId:
    if isinstance(value, str) and value in metrics.ACCURACY_NAMES:
        return value
    return metrics.get(value, "metrics")


def _serialize(value: object) -> object:
    if isinstance(value, Loss):
        return losses.serialize(value) if losses.registry.holds(value) else value
    return metrics.serialize(value) if isinstance(value, Metric) else value


def _flatten(value: object) -> list[MetricId]:
    if value is None:
        return []
    if isinstance(value, list):
        return [metric for each in value for metric in _flatten(each)]
    if not isinstance(value, (str, Metric)):
        raise TypeError(f"metrics: expected a list of metrics for each output, got {value!r} in it")
    return [value]


def _per_output(
    value: object, names: Sequence[str], argument: str, required: bool = False
) -> list[object]:
    """What of `value` belongs to each output."""
    shown = ", ".join(names)
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        missing = [name for name in names if name not in value] if required else []
        if unknown or missing:
            raise ValueError(
                f"{argument}: expected a dict with keys {shown}, got {', '.join(value)}"
            )
        return [value.get(name) for name in names]
    if isinstance(value, list):
        if len(value) != len(names):
            raise ValueError(
                f"{argument}: expected a list with one item for each output ({shown}), "
                f"got {len(value)}"
            )
        return list(value)
    return [value] * len(names)


def _name_results(
    names: Sequence[str], chosen: Sequence[Sequence[Metric]]
) -> tuple[list[tuple[str, int]], dict[str, Direction]]:
    """Names and places of a step's results, and which way is better for each."""
    result_indices: list[tuple[str, int]] = [("loss", 0)]
    directions: dict[str, Direction] = {"loss": "down"}
    several = len(names) > 1
    if several:
        for index, name in enumerate(names, start=1):
            result_indices.append((f"{name}_loss", index))
            directions[f"{name}_loss"] = "down"
    index = 1 + len(names)
    for output, own in zip(names, chosen, strict=True):
        for metric in own:
            base = f"{output}_{metric.name}" if several else metric.name
            name, repeat = base, 1
            while name in directions:
                name, repeat = f"{base}_{repeat}", repeat + 1
            result_indices.append((name, index))
            directions[name] = metric.direction
            index += 1
    return result_indices, directions
