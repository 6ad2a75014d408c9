"""Layer of gated units that share weight matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core, activations, constraints, initializers, regularizers
from gatewise.layers.base import LAYERS, Layer
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_choice, check_integer, check_number
from gatewise.utils.value_limit import check_count

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise._core import Floats
    from gatewise.initializers import Initializer
    from gatewise.layers.base import LayerOptions
    from gatewise.regularizers import Regularizer

COMBINES = ("concat", "sum")
GATES = ("hard", "straight_through", "soft")
_UNITS_PER_GROUP = 4


@LAYERS.register()
class GatedExperts(Layer):
    """`u_i = 1[g_i > tau] g_i f(s_i * h_c(i) + b_i)`, `g_i = sigmoid(x w_i + a_i)`, `h_c = x V_c`.

    Each unit has its own gate, scale and bias; the units of group c share the matrix V_c. For a row
    in which a unit's gate is shut, the unit is 0 and is not computed. `h_c` is not computed where
    all units of group c are shut.

    Parameters
    ----------
    units : int
        Count of units.
    width : int
        Length p of `h_c`, `s_i`, `b_i` and `u_i`.
    groups : int, sequence of int, or "auto"
        Count of groups, with units assigned in order; or the group index of each unit. With "auto"
        each unit starts with its own matrix, and after `warm_up` epochs of training units with
        similar gates are grouped; see Notes. By default a quarter as many groups as units.
    activation : str
        Name of f.
    combine : {"concat", "sum"}
        Concatenate the `u_i`, or add them.
    threshold : float in [0, 1)
        tau.
    gate : {"hard", "straight_through", "soft"}
        How the gate of a shut unit is trained; see Notes. Prediction is the same for all three.
    temperature : float
        T of `gate="soft"`, above 0.
    open_share : float in [0, 1], optional
        rho: adds `open_weight mean_i (mean_r g_i - rho)^2` to the loss. The mean over the batch's
        rows approximates the fraction of rows with `g_i > tau`. The term also trains shut gates.
    open_weight : float
        Weight of that term.
    warm_up : int
        Epochs before `groups="auto"` groups units.
    similarity : float in [-1, 1]
        Minimum cosine of two units' `w_i` at which "auto" treats them as similar.
    kernel_initializer, gate_initializer : str or Initializer
        Initial values of each V_c and of the `w_i`: uniform (`"glorot_uniform"`,
        `"random_uniform"`) or Gaussian (`"glorot_normal"`, `"random_normal"`). Biases start at 0.
    scale_initializer : str or Initializer
        Initial values of the `s_i`.
    kernel_regularizer : str or Regularizer, optional
        Penalty on each V_c; a step applies it to those that it updated.
    kernel_constraint : str or Constraint, optional
        Constraint on each V_c after every update.
    **options
        See `Layer`.

    Raises
    ------
    ValueError
        A value is out of range, group indices have gaps, there are more groups than units, or a
        name is unknown.
    TypeError
        An argument has the wrong type.

    Notes
    -----
    Input shape `(n, ..., d)`, output shape `(n, ..., units p)`, or `(n, ..., p)` for "sum". Takes
    SciPy CSR. Forward: 2 n d units flops for the gates, and 2 d p for each row and group with an
    open unit. In training, with D the gradient of the task loss with respect to the gate's factor
    `1[g_i > tau] g_i`:

    - "hard": the gradient with respect to `g_i` is D for an open unit and 0 for a shut one. If a
      unit is shut in all rows of a step, only its gate is updated, and only by the `open_share`
      term.
    - "straight_through": the same output; the gradient is D for shut units too. All units are
      computed.
    - "soft": `u_i = q g_i f(...)`, `q = sigmoid((g_i - tau) / T)`, with its exact gradient. All
      units are computed.

    "auto" builds a graph that connects units whose `w_i` have a cosine of at least `similarity`.
    Each connected component becomes a group, whose matrix is the mean of its units' matrices.
    Matrix c keeps the optimizer state of the previous matrix c.

    References
    ----------
    Bengio, Leonard, Courville 2013, "Estimating or propagating gradients through stochastic neurons
    for conditional computation", sections 3 and 4 (straight-through and smooth gates).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> layer = gw.layers.GatedExperts(8, width=5, groups=2, seed=0)
    >>> x = np.ones((3, 4), np.float32)
    >>> u = layer(x).reshape(3, 8, 5)
    >>> bool(((layer.gates(x) > 0.5) == (u != 0).any(axis=2)).all())
    True
    """

    kind = "gated_experts"
    float32_reason = "only open units are multiplied, by code for float32 alone"

    def __init__(
        self,
        units: int,
        width: int,
        groups: int | Sequence[int] | str | None = None,
        activation: str | None = "relu",
        combine: str = "concat",
        threshold: float = 0.5,
        gate: str = "hard",
        temperature: float = 0.1,
        open_share: float | None = None,
        open_weight: float = 1.0,
        warm_up: int = 3,
        similarity: float = 0.5,
        kernel_initializer: str | Initializer | Config = "glorot_uniform",
        gate_initializer: str | Initializer | Config = "glorot_uniform",
        scale_initializer: str | Initializer | Config = "ones",
        kernel_regularizer: str | Regularizer | Config | None = None,
        kernel_constraint: str | constraints.Constraint | Config | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.units = check_integer("units", units, 1)
        self.width = check_integer("width", width, 1)
        self.groups = _check_groups(groups, self.units)
        self.activation = activations.get(activation)
        if self.activation == "softmax":
            raise ValueError("activation: expected an elementwise function, got 'softmax'")
        self.combine = check_choice("combine", combine, COMBINES)
        self.threshold = check_number("threshold", threshold, 0, 1)
        if self.threshold == 1:
            raise ValueError("threshold: expected a number below 1, got 1")
        self.gate = check_choice("gate", gate, GATES)
        self.temperature = check_number("temperature", temperature, 0)
        if self.temperature == 0:
            raise ValueError("temperature: expected a number > 0, got 0")
        self.open_share = (
            None if open_share is None else check_number("open_share", open_share, 0, 1)
        )
        self.open_weight = check_number("open_weight", open_weight, 0)
        self.warm_up = check_integer("warm_up", warm_up, 1)
        self.similarity = check_number("similarity", similarity, -1, 1)
        self.kernel_initializer = initializers.get(kernel_initializer, "kernel_initializer")
        self.gate_initializer = initializers.get(gate_initializer, "gate_initializer")
        self.scale_initializer = initializers.get(scale_initializer, "scale_initializer")
        self.kernel_regularizer = regularizers.get(kernel_regularizer, "kernel_regularizer")
        self.kernel_constraint = constraints.get(kernel_constraint, "kernel_constraint")
        self._epochs = 0
        self._joined: list[int] | None = None

    @property
    def group_of(self) -> list[int]:
        """The current group index of each unit."""
        return self._first_groups() if self._joined is None else list(self._joined)

    def _first_groups(self) -> list[int]:
        """The group index of each unit when the layer is built."""
        if isinstance(self.groups, str):  # "auto"
            return list(range(self.units))
        if isinstance(self.groups, int):
            return [unit * self.groups // self.units for unit in range(self.units)]
        return list(self.groups)

    def native_options(self) -> NativeOptions:
        check_count("units", self.units)
        return {
            "units": self.units,
            "width": self.width,
            "groups": ",".join(map(str, self._first_groups())),
            "activation": self.activation,
            "combine": self.combine,
            "threshold": self.threshold,
            "gate": self.gate,
            "temperature": self.temperature,
            "open_share": 0.0 if self.open_share is None else self.open_share,
            "open_weight": 0.0 if self.open_share is None else self.open_weight,
        }

    def _value_limit(self, left: int, widths: list[int]) -> int:
        # A file holds the matrices of merged groups; the layer has room for those of all units.
        matrix = widths[0] * self.width
        is_possible = self.units * (widths[0] + self.width) + matrix <= left
        return left + (self.units - 1) * matrix if is_possible else left

    def compute_output_shape(self, input_shape: Any) -> Shape:
        width = self.width if self.combine == "sum" else self.units * self.width
        return (*input_shape[:-1], width)

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        if parameter.name == "kernel":
            return self.kernel_initializer
        if parameter.name == "gate_kernel":
            return self.gate_initializer
        if parameter.name == "scale":
            return self.scale_initializer
        return super().initializer_for(parameter)

    def gates(self, x: Any) -> Floats:
        """The gates g `(rows, units)`; a unit is open where g exceeds `threshold`.

        Parameters
        ----------
        x : array (n, ..., d) or SciPy sparse matrix (n, d)
            All leading axes count as rows.

        Raises
        ------
        ValueError
            The layer is not built, or x has the wrong width.
        """
        from gatewise.data.csr import core_rows

        native, width = self.native, self.input_shape[-1]
        self.parameters()
        return _core.gates(native, core_rows(x, "x", width))

    def open_shares(self, x: Any) -> Floats:
        """The fraction of rows in which each unit is open, `(units,)`."""
        return np.asarray((self.gates(x) > self.threshold).mean(axis=0), np.float32)

    def count_saved(self) -> int:
        """Count of parameters that sharing saves: `(units - groups) d p`."""
        return (self.units - len(set(self.group_of))) * int(self.input_shape[-1]) * self.width

    def join_groups(self, groups: Sequence[int]) -> None:
        """Moves unit i to group `groups[i]`, whose matrix is the mean of its units' matrices.

        A group that is made of several starts without the optimizer's moments and steps.

        Raises
        ------
        ValueError
            The layer is not built, indices have gaps, or there are more groups than now.
        """
        joined = list(_check_list(groups, self.units))
        now = len(set(self.group_of))
        if max(joined) >= now:
            raise ValueError(f"groups: expected at most {now}, got {max(joined) + 1}")
        self._set_groups(joined)

    def _set_groups(self, groups: list[int] | None) -> None:
        if groups != self._joined:
            _core.set_groups(self.native, self._first_groups() if groups is None else groups)
            self._joined = groups

    def similar_units(self) -> list[int]:
        """The group index of each unit under "auto": connected components of similar `w_i`."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        directions = self.named_weights()["gate_kernel"].astype(np.float64)
        directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
        is_similar = csr_array(directions.T @ directions >= self.similarity)
        labels = connected_components(is_similar, directed=False)[1]
        # Groups are ordered by their first unit.
        first = list(dict.fromkeys(labels.tolist()))
        return [first.index(label) for label in labels.tolist()]

    def end_epoch(self) -> None:
        """Counts epochs under `groups="auto"`, and groups units after `warm_up` of them."""
        if self.groups != "auto":
            return
        self._epochs += 1
        if self._epochs == self.warm_up:
            self.join_groups(self.similar_units())

    def get_state(self) -> Config:
        """The state of a layer, with the count of epochs and the current groups."""
        return {**super().get_state(), "epochs": self._epochs, "groups": self._joined}

    def set_state(self, state: Config) -> None:
        """Builds the layer and restores the result of `get_state`; does not set weights."""
        super().set_state(state)
        self._epochs = int(state["epochs"])
        self._set_groups(state["groups"])

    def describe(self) -> str:
        return f"{super().describe()} {self.units} units in {len(set(self.group_of))} groups"

    def get_config(self) -> Config:
        groups = self.groups
        return {
            **super().get_config(),
            "units": self.units,
            "width": self.width,
            "groups": groups if isinstance(groups, int | str) else list(groups),
            "activation": self.activation,
            "combine": self.combine,
            "threshold": self.threshold,
            "gate": self.gate,
            "temperature": self.temperature,
            "open_share": self.open_share,
            "open_weight": self.open_weight,
            "warm_up": self.warm_up,
            "similarity": self.similarity,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "gate_initializer": initializers.serialize(self.gate_initializer),
            "scale_initializer": initializers.serialize(self.scale_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
        }


def _check_groups(groups: object, units: int) -> int | str | tuple[int, ...]:
    if groups is None:
        return max(1, units // _UNITS_PER_GROUP)
    if isinstance(groups, str):
        if groups != "auto":
            raise ValueError(f"groups: expected a count, a list or 'auto', got {groups!r}")
        return groups
    if isinstance(groups, Sequence | np.ndarray):
        return _check_list(groups, units)
    count = check_integer("groups", groups, 1)
    if count > units:
        raise ValueError(f"groups: expected at most as many as units ({units}), got {count}")
    return count


def _check_list(groups: Any, units: int) -> tuple[int, ...]:
    group_indices = tuple(check_integer("groups", each, 0) for each in groups)
    if len(group_indices) != units:
        raise ValueError(
            f"groups: expected one index for each of {units} units, got {len(group_indices)}"
        )
    if sorted(set(group_indices)) != list(range(max(group_indices) + 1)):
        raise ValueError(f"groups: expected indices from 0 without gaps, got {group_indices}")
    return group_indices
