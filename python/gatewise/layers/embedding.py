"""Rows of a table by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise import initializers
from gatewise.layers.base import LAYERS, Layer
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise.constraints import Constraint
    from gatewise.initializers import Initializer
    from gatewise.regularizers import Regularizer


@LAYERS.register()
class Embedding(Layer):
    """`y_i = E[id_i]`: a row of the table E `(input_dim, output_dim)` for each id.

    Parameters
    ----------
    input_dim : int
        Count of ids, which are 0 to `input_dim - 1`.
    output_dim : int
        Width of a row.
    embeddings_initializer : str or Initializer
        Initial values of E.
    embeddings_regularizer : str or Regularizer, optional
        Penalty on E.
    embeddings_constraint : str or Constraint, optional
        Constraint on E after every update; `axis=1` is that of a row.
    **options
        `name`, `trainable`, `seed`, `input_shape`: see `Layer`.

    Raises
    ------
    ValueError
        A size is below 1; or in a call, an id is outside its range.
    TypeError
        An argument has the wrong type, or is not supported.

    Notes
    -----
    Input shape `(n, ..., t)`, output shape `(n, ..., t, output_dim)`. With
    `Input(shape, dtype="int32")` ids stay integers; float32 has all of them only up to 2^24. Every
    step updates all rows of E, as a kernel's: those without an id with a gradient of 0.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    kind = "embedding"
    weight_names = {"kernel": "embeddings"}  # noqa: RUF012, read only
    embeddings_regularizer: Regularizer | None
    embeddings_constraint: Constraint | None
    keras_defaults = {  # noqa: RUF012, read only
        "mask_zero": False,
        "weights": None,
        "lora_rank": None,
        "lora_alpha": None,
        "quantization_config": None,
    }

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: str | Initializer | Config = "uniform",
        embeddings_regularizer: str | Regularizer | Config | None = None,
        embeddings_constraint: str | Constraint | Config | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.input_dim = check_integer("input_dim", input_dim, 1)
        self.output_dim = check_integer("output_dim", output_dim, 1)
        self.embeddings_initializer = initializers.get(
            embeddings_initializer, "embeddings_initializer"
        )
        self.take_penalties(
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )

    def native_options(self) -> NativeOptions:
        return {"input_dim": self.input_dim, "output_dim": self.output_dim}

    def _width(self, shape: Shape) -> int:
        # Ids along a free axis are rows of one id each.
        return 1 if len(shape) > 1 and shape[-1] is None else super()._width(shape)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape, self.output_dim)

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        return self.embeddings_initializer

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            **self.penalty_config(),
        }
