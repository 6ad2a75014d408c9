"""The base class of metrics, and their registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gatewise.losses import TargetKind
from gatewise.registry import Config, Configurable, Registry, to_snake_case
from gatewise.utils.checks import check_choice, check_defaults

Array: TypeAlias = npt.NDArray[Any]
Doubles: TypeAlias = npt.NDArray[np.float64]
Direction: TypeAlias = Literal["up", "down"]


class MetricVariable(np.ndarray[Any, Any]):
    """An array of a metric's state, which changes in place."""

    def assign(self, value: npt.ArrayLike) -> None:
        """Sets all values."""
        self[...] = value

    def assign_add(self, value: npt.ArrayLike) -> None:
        """Adds to all values."""
        self[...] += value


class Metric(Configurable):
    """Base class of metrics: something that is summed over batches.

    A class of yours has `update_state(y_true, y_pred, sample_weight=None)` and `result()`, and
    keeps its sums in arrays from `add_variable`, which `reset_state` sets to 0; so a training that
    is interrupted goes on with them. `compile` takes an instance.

    Parameters
    ----------
    name : str, optional
        Key of the metric in `history`; unless given, the name of the class in snake_case.
    dtype : None or "float32"
        Only these.

    Raises
    ------
    TypeError
        For another `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> import gatewise as gw
    >>> class LargestError(gw.metrics.Metric):
    ...     direction = "down"
    ...
    ...     def __init__(self, name="largest_error"):
    ...         super().__init__(name)
    ...         self.largest = self.add_variable()
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(self.largest, np.abs(y_pred - y_true).max()))
    ...
    ...     def result(self):
    ...         return float(self.largest)
    >>> metric = LargestError()
    >>> metric(np.zeros(3), np.array([0.5, -2.0, 1.0]))
    2.0
    """

    target: ClassVar[TargetKind] = "any"
    """What the metric compares with: `"labels"` are class indices, `"values"` rows of values."""
    direction: ClassVar[Direction | None] = None
    """Whether higher or lower is better, for callbacks with `mode="auto"`; None if not known."""
    dtype = "float32"
    """The type of targets and predictions; sums are float64."""

    def __init__(self, name: str | None = None, dtype: object = None) -> None:
        check_defaults(type(self).__name__, {"dtype": dtype}, {"dtype": None})
        self.name = name or to_snake_case(type(self).__name__)
        self._variables: list[MetricVariable] = []

    @property
    def variables(self) -> list[MetricVariable]:
        """The arrays of its state, then those of metrics that are attributes, or in lists there."""
        known: dict[int, Metric] = {}
        _collect(self, known)
        return [variable for metric in known.values() for variable in metric._variables]

    def add_variable(
        self,
        shape: tuple[int, ...] = (),
        initializer: str | Callable[[tuple[int, ...]], npt.ArrayLike] | None = None,
        dtype: object = None,
        name: str | None = None,
    ) -> MetricVariable:
        """A float64 array of the metric's state, of zeros unless there is an `initializer`.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        initializer : {"zeros", "ones"} or callable (shape) -> array, optional
            Gives the first values; objects of `gatewise.initializers` are such functions.
        dtype, name
            Not used: for classes written for Keras.

        Raises
        ------
        ValueError
            For another name of an initializer.
        """
        give: Any = initializer or "zeros"
        if isinstance(give, str):
            give = {"zeros": np.zeros, "ones": np.ones}[
                check_choice("initializer", give, ("zeros", "ones"))
            ]
        values = np.asarray(give(shape))
        variable = np.array(values, np.float64).view(MetricVariable)
        self._variables.append(variable)
        return variable

    add_weight = add_variable

    def build(self, units: int) -> None:
        """Makes the arrays whose shape depends on the width of predictions (n, u), once."""

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds the rows of a batch."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method update_state")

    def result(self) -> Any:
        """The metric of all rows since `reset_state`."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method result")

    def reset_state(self) -> None:
        """Forgets all rows."""
        for variable in self.variables:
            variable.assign(0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Adds the rows of a batch; gives the metric of all rows since `reset_state`."""
        self.update_state(*args, **kwargs)
        return self.result()

    def own_settings(self) -> Config:
        """The settings as JSON values, but for the name."""
        return {}

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal object from them."""
        return {"name": self.name, **self.own_settings()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def _collect(value: object, known: dict[int, Metric]) -> None:
    """Adds the metrics, by id, that a value is, or holds in attributes, lists and dicts."""
    if isinstance(value, Metric):
        if id(value) in known:
            return
        known[id(value)] = value
        value = vars(value)
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            _collect(each, known)


class UnitMetric(Metric):
    """Base class of metrics whose sums have an axis of units.

    Attributes
    ----------
    sums : MetricVariable or None
        Made by `build`, with the units as last axis.
    """

    target = "values"
    sums: MetricVariable | None = None

    def sums_shape(self, units: int) -> tuple[int, ...]:
        """The shape of the sums for predictions (n, u)."""
        raise NotImplementedError

    def build(self, units: int) -> None:
        """Makes the sums.

        Raises
        ------
        ValueError
            If they were made for another width.
        """
        shape = self.sums_shape(units)
        if self.sums is None:
            self.sums = self.add_variable(shape)
        if self.sums.shape != shape:
            raise ValueError(
                f"{type(self).__name__}: expected predictions (n, {self.sums.shape[-1]}), got "
                f"(n, {units})"
            )

    def add_sums(self, sums: Doubles) -> None:
        """Adds to the sums, (..., u)."""
        if self.sums is None:
            self.build(sums.shape[-1])
        assert self.sums is not None
        self.sums.assign_add(sums)


registry: Registry[Metric] = Registry("metric", Metric)
