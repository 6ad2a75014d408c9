"""The layer that computes the code of a stacked autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.sae import activations
from gatewise.sae.code_activation import CODE_ACTIVATIONS, CodeActivation
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise._core import Indices
    from gatewise.initializers import Initializer


@LAYERS.register()
class SparseCode(Layer):
    """`z = f(h)`, the sparse code of m pre-activations, and the penalty of f.

    Parameters
    ----------
    activation : str or CodeActivation
        f: `ReLU`, `TopK`, `KL` or `Identity`.
    threshold : float
        Values of a code at or below it become exactly 0, in training too, and get no gradient.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        f is none of these or does not support the threshold, an argument is out of range, or k
        exceeds m.
    TypeError
        An argument has the wrong type or is not supported.

    Notes
    -----
    Input and output shape `(n, ..., m)`. `KL` uses the mean of the code after the threshold. Two
    states: `rows_since_active` `(m,)` counts the training rows since each unit was last active;
    `scale` `(1,)` is the autoencoder's s, by whose square the reported penalty is divided.
    """

    kind = "sparse_code"
    counts_rows = True
    active_rows_: Indices | None = None
    """Rows (m,) of the last epoch in which each latent was active; None before the first `fit`."""

    def __init__(
        self,
        activation: str | CodeActivation | Config = "relu",
        threshold: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)
        self.threshold = check_number("threshold", threshold, 0)
        own = type(self.activation).__name__
        if not self.activation.supports_stack:
            raise ValueError(
                f"activation: expected ReLU, TopK, KL or Identity in a stack, got {own}"
            )
        self.activation.check_threshold(self.threshold)

    @property
    def latents(self) -> int:
        """Units m; ValueError if the layer is not built."""
        width: int = self.input_shape[-1]
        return width

    def native_options(self) -> NativeOptions:
        return {"threshold": self.threshold, **self.activation.native_options()}

    def check_inputs(self, shapes: list[Shape]) -> None:
        super().check_inputs(shapes)
        width = shapes[0][-1]
        assert width is not None  # checked by `Layer.build`
        self.activation = self.activation.resolved(width, stack=True)
        self.activation.check(width)

    def set_training_load(self, rows: Indices) -> None:
        self.active_rows_ = rows

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return initializers.Ones() if parameter.name == "scale" else initializers.Zeros()

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "activation": CODE_ACTIVATIONS.serialize(self.activation),
            "threshold": self.threshold,
        }
