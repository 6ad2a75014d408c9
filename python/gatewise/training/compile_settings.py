"""What `compile` was given, and what it means for the outputs of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeGuard

from gatewise import losses, metrics, optimizers
from gatewise.callbacks.protocols import Direction
from gatewise.data.convert import Shape
from gatewise.data.targets import TargetRule
from gatewise.losses import CROSSENTROPY_NAMES, Loss
from gatewise.losses.function import name_of
from gatewise.metrics import MeanMetricWrapper, Metric, RowMetric, registry
from gatewise.registry import Config, is_config
from gatewise.training.compiled import Resolved
from gatewise.training.metric_objects import MetricObject
from gatewise.utils.checks import to_plain

LossId: TypeAlias = str | Loss
"""A loss, or a name that is resolved by the targets."""
MetricId: TypeAlias = str | Metric
"""A metric, or a name that is resolved by the loss."""


_GENERAL_METRICS = (*metrics.ACCURACY_NAMES, *CROSSENTROPY_NAMES)
"""Names that the loss and the output decide."""


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
    metrics, weighted_metrics : list or dict, optional
        For one output a list of metrics; for several a list of lists, or a dict by output name.
        Weights of samples and classes are for the second ones.

    Raises
    ------
    TypeError, ValueError
        If a name is not known, or a form not as said.
    """

    def __init__(
        self,
        optimizer: object,
        loss: object,
        loss_weights: object,
        metrics: object,
        weighted_metrics: object = None,
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
        self.metrics = _to_metrics(metrics, "metrics")
        self.weighted_metrics = _to_metrics(weighted_metrics, "weighted_metrics")

    @property
    def awaits_targets(self) -> bool:
        """Whether a loss is `"crossentropy"` or `"ce"`, which the targets decide."""
        return any(isinstance(each, str) for each in _items(self.loss))

    def choose_losses(
        self, names: Sequence[str], shapes: Sequence[Shape], y_shapes: Sequence[Shape]
    ) -> None:
        """Replaces those names by losses for outputs and targets of these names and shapes."""
        own = _per_output(self.loss, names, "loss", required=True)
        chosen = [
            _crossentropy(shape, y_shape) if isinstance(loss, str) else loss
            for loss, shape, y_shape in zip(own, shapes, y_shapes, strict=True)
        ]
        self.loss = chosen[0] if len(chosen) == 1 else chosen

    def get_config(self) -> Config:
        """The arguments as JSON values, with which `compile` does the same.

        Functions, and objects of classes of the user, are not JSON values but themselves.
        """
        return {**self.fixed_config(), "optimizer": optimizers.serialize(self.optimizer)}

    def fixed_config(self) -> Config:
        """The arguments as JSON values, but for the learning rate, which may change."""
        optimizer = self.optimizer
        config = {
            "optimizer": {
                "class_name": type(optimizer).__name__,
                "config": optimizer.fixed_settings(),
            },
            "loss": _map(self.loss, _serialize),
            "loss_weights": self.loss_weights,
            "metrics": _map(self.metrics, _serialize),
        }
        # Stored trainings of before know none.
        if self.weighted_metrics:
            config["weighted_metrics"] = _map(self.weighted_metrics, _serialize)
        return config

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
        found: list[Loss] = [loss for loss in own_losses if isinstance(loss, Loss)]
        if self.awaits_targets:
            raise ValueError(
                "loss: expected targets, which decide what 'crossentropy' is; call fit or evaluate"
            )
        if len(found) != len(names):
            missing = names[next(i for i, loss in enumerate(own_losses) if loss is None)]
            raise ValueError(f"loss: expected a loss for each output, got None for {missing!r}")
        units = [int(shape[-1] or 0) for shape in shapes]
        chosen = [
            MetricObject(at, metrics.get_for_output(each, found[at], units[at]), weighted)
            for weighted, given in ((False, self.metrics), (True, self.weighted_metrics))
            for at, own in enumerate(_metrics_of(given, names))
            for each in own
        ]
        in_core = [
            each
            for at in range(len(names))
            for each in chosen
            if each.output == at and _runs_in_core(each)
        ]
        objects = [each for each in chosen if not _runs_in_core(each)]
        order = [*in_core, *objects]
        first = 1 + len(names)
        indices = [first + order.index(each) for each in chosen]
        result_indices, directions = _name_results(names, chosen, indices)
        return Resolved(
            losses=found,
            loss_weights=weights,
            metrics=[
                [each.metric for each in in_core if each.output == at and _is_row(each.metric)]
                for at in range(len(names))
            ],
            objects=objects,
            rules=[TargetRule(loss, shape) for loss, shape in zip(found, shapes, strict=True)],
            result_indices=result_indices,
            directions=directions,
        )


def _is_row(metric: Metric) -> TypeGuard[RowMetric]:
    return isinstance(metric, RowMetric)


def _runs_in_core(each: MetricObject) -> bool:
    """Whether a step of the core gives the metric: a mean over rows without weights."""
    return _is_row(each.metric) and not each.weighted and registry.holds(each.metric)


def _metrics_of(given: object, names: Sequence[str]) -> list[list[MetricId]]:
    """The metrics of each output."""
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
    if isinstance(value, Mapping) and not is_config(value):
        return {str(key): _map(each, convert) for key, each in value.items()}
    return convert(value)


def _items(value: object) -> list[object]:
    """What is in a list or dict, or the one value."""
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else [value]


def _is_nested(mapped: object) -> bool:
    """Whether a list or dict has lists or dicts inside."""
    return any(isinstance(each, list | dict) for each in _items(mapped))


def _crossentropy(shape: Shape, y_shape: Shape) -> Loss:
    """The cross-entropy for an output and targets of these shapes."""
    are_labels = len(y_shape) < len(shape) or y_shape[-1] == 1
    return losses.crossentropy_for(int(shape[-1] or 0), are_labels)


def _to_loss(value: object) -> LossId:
    if isinstance(value, str) and value.lower() in CROSSENTROPY_NAMES:
        return value
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


def _to_metrics(given: object, argument: str) -> object:
    if given is not None and not isinstance(given, (list, tuple, Mapping)):
        raise TypeError(
            f"{argument}: expected a list or a dict of metrics, got {given!r}"
            + (f"; expected [{given!r}]" if isinstance(given, str) else "")
        )
    return _map(given, lambda each: _to_metric(each, argument))


def _to_metric(value: object, argument: str) -> MetricId:
    if isinstance(value, str) and value.lower() in _GENERAL_METRICS:
        return value
    return metrics.get(value, argument)


def _serialize(value: object) -> object:
    if isinstance(value, Loss):
        return losses.serialize(value) if losses.registry.holds(value) else value
    if isinstance(value, MeanMetricWrapper) and type(value) is MeanMetricWrapper:
        return _serialize_function(value)
    if isinstance(value, Metric):
        return metrics.serialize(value) if registry.holds(value) else value
    return value


def _serialize_function(wrapper: MeanMetricWrapper) -> object:
    """The function of a metric that `compile` made of it; else another wrapper of it."""
    if wrapper.name == name_of(wrapper.fn) and not wrapper.arguments:
        return wrapper.fn
    return MeanMetricWrapper.from_config(wrapper.get_config())


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
    names: Sequence[str], chosen: Sequence[MetricObject], indices: Sequence[int]
) -> tuple[list[tuple[str, int]], dict[str, Direction | None]]:
    """Names and indices of the results, and which way is better for each."""
    result_indices: list[tuple[str, int]] = [("loss", 0)]
    directions: dict[str, Direction | None] = {"loss": "down"}
    several = len(names) > 1
    if several:
        for index, name in enumerate(names, start=1):
            result_indices.append((f"{name}_loss", index))
            directions[f"{name}_loss"] = "down"
    for each, index in zip(chosen, indices, strict=True):
        prefix = f"{names[each.output]}_" if several else ""
        name = base = f"{prefix}{each.metric.name}"
        if each.weighted and name in directions:
            name = base = f"{prefix}weighted_{each.metric.name}"
        repeat = 1
        while name in directions:
            name, repeat = f"{base}_{repeat}", repeat + 1
        result_indices.append((name, index))
        directions[name] = each.metric.direction
    return result_indices, directions
