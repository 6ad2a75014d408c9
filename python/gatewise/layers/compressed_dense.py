"""Fully connected layer with a compressed kernel, for prediction only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core, activations
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_flag, check_integer
from gatewise.utils.deprecation import renamed_arguments

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Self, Unpack

FORMS = ("csr", "blocks")
"""The storage forms of a compressed kernel."""


def check_form(argument: str, value: object) -> str:
    """`value`, if it is one of `FORMS`; ValueError otherwise."""
    if isinstance(value, str) and value in FORMS:
        return value
    raise ValueError(f"{argument}: expected one of {', '.join(FORMS)}, got {value!r}")


@LAYERS.register()
class CompressedDense(Layer):
    """`y = f(x W + b)` with only the nonzeros of W stored; for prediction only.

    `gw.compress.compress` creates such layers from `Dense` layers. A layer created directly has
    W = 0 and b = 0.

    Parameters
    ----------
    units : int
        Width u of the output.
    activation : str, optional
        Name of f; None for the identity.
    use_bias : bool
        If True, there is a bias b.
    form : {"csr", "blocks"}
        Storage of W, in slices of 16 units. `"csr"`: the nonzeros of each unit, each with its input
        index; those of 16 units lie lane by lane. `"blocks"`: the 16 weights of a slice for one
        input, unless all are 0, with one input index for the 16.
    num_steps : int
        Count of stored groups of 16 weights.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        A value is out of range, or a name is unknown.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input shape `(n, ..., d)`, output shape `(n, ..., u)`. As a model's first layer it takes SciPy
    CSR and expands the rows to dense, block by block. A stored weight takes 6 bytes in csr, 8 if d
    is above 65,535, and 4.1 in blocks, where some stored weights are 0. Forward: 2 n flops per
    stored weight.

    Each output is the sum of `Dense` without the terms x times 0. The bits are equal, except that a
    sum that underflows to -0 in `Dense` is 0 here. NaN and infinity, which can arise inside a
    model, are not multiplied by weights that are 0.

    References
    ----------
    Kreutzer, Hager, Wellein, Fehske, Bishop 2014, "A unified sparse matrix data format for
    efficient general sparse matrix-vector multiplication on modern processors with wide SIMD
    units", section 3, for csr in slices (SELL-C-sigma).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> model = gw.Sequential([gw.Input(shape=(3,)), gw.layers.Dense(2)])
    >>> model.set_weights([[[0, 0], [5, 0], [0, 0]], [1, 0]])
    >>> layer = gw.compress.compress(model, form="csr").layers[0]
    >>> layer(np.array([[1.0, 2.0, 3.0]])).tolist(), layer.count_nonzero()
    ([[11.0, 0.0]], 2)
    """

    kind = "compressed_dense"
    float32_reason = "only nonzeros are multiplied, by code for float32 alone"

    @renamed_arguments(steps="num_steps")
    def __init__(
        self,
        units: int,
        activation: str | None = None,
        use_bias: bool = True,
        form: str = "csr",
        num_steps: int = 0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.units = check_integer("units", units, 1)
        self.activation = activations.get(activation)
        self.use_bias = check_flag("use_bias", use_bias)
        self.form = check_form("form", form)
        self.num_steps = check_integer("num_steps", num_steps, 0)
        self.storage = self.form

    @classmethod
    def from_kernel(
        cls,
        kernel: npt.ArrayLike,
        bias: npt.ArrayLike | None,
        form: str,
        activation: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> Self:
        """Creates a built layer from a kernel W `(d, u)` and a bias b `(u,)`, or None.

        Raises
        ------
        ValueError
            W does not have two axes, b does not have shape `(u,)`, or the form is unknown.
        """
        dense = np.ascontiguousarray(kernel, np.float32)
        arrays = _core.pack_sparse(dense, check_form("form", form))
        num_steps = len(arrays["data"])
        layer = cls(dense.shape[1], activation, bias is not None, form, num_steps, **options)
        layer.build((None, dense.shape[0]))
        if bias is not None:
            arrays["bias"] = np.ascontiguousarray(bias, np.float32)
        layer.set_stored_weights(arrays)
        return layer

    def native_options(self) -> NativeOptions:
        return {
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "form": self.form,
            "num_steps": self.num_steps,
        }

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape[:-1], self.units)

    def draw_weights(self, seed: int, index: int) -> None:
        """Records seed and index; draws nothing, because weights that are not set are 0."""
        if self.random_stream is None:
            self.set_random_stream(seed, index)

    def describe(self) -> str:
        text = f"{super().describe()} {self.form}"
        if not self.has_shape:
            return text
        width = self.input_shape[-1]
        share = self.native.count_nonzero("kernel") / (width * self.units)
        return f"{text}, {share:.1%} of {width}x{self.units}"

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": self.activation,
            "use_bias": self.use_bias,
            "form": self.form,
            "num_steps": self.num_steps,
        }
