"""A loss's gradient by every parameter, for those who rank parameters rather than train them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from gatewise.models.copying import config_without_dropout, copy_model
from gatewise.optimizers.base import Optimizer
from gatewise.training.collapse import RoutingCollapseWarning
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise._core import Floats
    from gatewise.models.base import BaseModel

Gradients: TypeAlias = "dict[str, dict[str, Floats]]"
"""By the names of layers, then of their parameters, in natural shapes."""


class _GradientSums(Optimizer):
    """Keeps `sum g` and `sum g^2` over steps, and leaves the weights as they are."""

    kind: ClassVar[str] = "gradient_sums"

    def __init__(self) -> None:
        super().__init__(0.0, name="gradient_sums")


def mean_gradients(model: BaseModel, x: Any, y: Any, batch_size: int = 256) -> Gradients:
    """`(1/n) sum_i dL(x_i, y_i)/dw` of the compiled loss, penalties on kernels left out.

    Dropout is off; an expert that no row chose has gradient 0. The model is not touched.

    Parameters
    ----------
    model : Model
        Built and compiled.
    x : array (n, ...) or SciPy sparse matrix
        Rows.
    y : array
        Their targets.
    batch_size : int
        Rows that are at work at a time; the result depends on it by rounding alone.

    Returns
    -------
    dict of dict of ndarray
        By layer and parameter, in the shapes of `get_weights`.

    Raises
    ------
    ValueError, TypeError
        The model is not built or not compiled, its weights are quantized, or x and y do not fit.
    """
    rows = _row_count(x)
    batch_size = min(check_integer("batch_size", batch_size, 1), rows)
    weights = np.ones(rows, np.float32)
    # A batch's loss is its mean: the rows of a smaller last one would count for more.
    last = rows % batch_size or batch_size
    weights[rows - last :] = last / batch_size
    copy = _sums(model, x, y, batch_size, weights)
    return _moments(copy, 0, batch_size / rows)


def mean_square_gradients(model: BaseModel, x: Any, y: Any) -> Gradients:
    """`(1/n) sum_i (dL(x_i, y_i)/dw)^2`, the diagonal of the empirical Fisher matrix.

    One row at a time: as long as n training steps with a batch of one. Arguments, errors and what
    is left out as for `mean_gradients`.

    References
    ----------
    Kunstner, Balles, Hennig 2019, "Limitations of the empirical Fisher approximation for natural
    gradient descent", equation 3.
    """
    return _moments(_sums(model, x, y, 1, None), 1, 1 / _row_count(x))


def _row_count(x: Any) -> int:
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


def _sums(model: BaseModel, x: Any, y: Any, batch_size: int, weights: Floats | None) -> BaseModel:
    """A copy of the model whose optimizer has seen the gradients of all batches."""
    copy = _copy_for_gradients(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RoutingCollapseWarning)
        copy.fit(
            x, y, batch_size=batch_size, epochs=1, shuffle=False, verbose=0, sample_weight=weights
        )
    return copy


def _copy_for_gradients(model: BaseModel) -> BaseModel:
    if not model.compiled:
        raise ValueError("model: expected a compiled model, whose loss has a gradient, got one not")
    if not model.built:
        raise ValueError("model: expected a built model, got one that has seen no input")
    copy = copy_model(model, config_without_dropout(model))
    for layer in copy.layers:
        layer.trainable = True
    compiled = copy._training.require_settings()
    copy.compile(_GradientSums(), compiled.loss, compiled.loss_weights)
    return copy


def _moments(copy: BaseModel, moment_index: int, factor: float) -> Gradients:
    trainer = copy._state.trainer
    assert trainer is not None, "the copy was fitted"
    found: Gradients = {}
    for layer in copy.layers:
        own = {}
        for parameter in layer.parameters():
            if parameter.role == "state":
                continue
            sums = trainer.moments(layer.native, parameter.name)[moment_index]
            assert sums is not None
            own[parameter.name] = sums * np.float32(factor)
        if own:
            found[layer.name] = own
    return found
