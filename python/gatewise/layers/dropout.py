"""Dropout layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewise.layers.base import LAYERS, Layer, LayerOptions
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack


@LAYERS.register()
class Dropout(Layer):
    """In training, sets random elements to 0: `y = x m / (1 - rate)`, `m` in {0, 1}.

    In prediction, `y = x`.

    Parameters
    ----------
    rate : float
        Probability that an element is set to 0, in [0, 1).
    **options
        `seed` and `name`, `trainable`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        The rate is outside [0, 1).
    TypeError
        The rate is not a number, or an option is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. The mask m depends only on seed, step and index, not on
    the thread count.

    References
    ----------
    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
    section 4, with the scaling moved to training.
    """

    has_weights = False
    kind = "dropout"
    keras_defaults = {"noise_shape": None}  # noqa: RUF012, read only

    def __init__(self, rate: float, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.rate = check_number("rate", rate, 0, 1)
        if self.rate == 1:
            raise ValueError(
                f"rate: expected a number below 1, got {rate!r}, which drops every element"
            )

    def native_options(self) -> NativeOptions:
        return {"rate": self.rate}

    def get_config(self) -> Config:
        return {**super().get_config(), "rate": self.rate}
