"""Inputs of a model."""

from __future__ import annotations

from typing import Any

from gatewise.layers.base import LAYERS, Layer
from gatewise.layers.symbol import Node, Symbol, check_shape
from gatewise.registry import Config
from gatewise.utils.checks import check_integer


def Input(  # noqa: N802, a function under the name that Keras gives it
    shape: tuple[int | None, ...] | None = None,
    batch_size: int | None = None,
    dtype: object = None,
    sparse: bool | None = None,
    batch_shape: tuple[int | None, ...] | None = None,
    name: str | None = None,
) -> Symbol:
    """Creates the symbol of a model input.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample: `(d,)`, or `(t, d)` for samples of t rows. None for an axis whose size
        can differ from call to call. The last axis is the features.
    batch_size : int, optional
        Ignored: a model takes any count of samples.
    dtype : str, optional
        "float32", to which arrays are converted, or an integer type: "int32" or "int64" for ids of
        an `Embedding`, which stay integers below 2^31.
    sparse : bool, optional
        Ignored: an input of a first Dense or expert layer always takes SciPy matrices.
    batch_shape : tuple, optional
        Alternative to `shape`: `(None, *shape)`, or a count of samples for None.
    name : str, optional
        Generated if omitted.

    Returns
    -------
    Symbol of shape `(None, *shape)`

    Raises
    ------
    TypeError
        An argument has the wrong type, or a value that is not supported.
    ValueError
        The shape has no axis, or the last axis has no size.

    Examples
    --------
    >>> import gatewise as gw
    >>> x = gw.Input(shape=(784,))
    >>> gw.layers.Dense(10)(x).shape
    (None, 10)
    """
    for argument, value in (
        ("batch_size", batch_size),
        ("batch_shape", (batch_shape or [None])[0]),
    ):
        if value is not None:
            check_integer(argument, value, 1)
    if batch_shape is not None:
        shape = tuple(batch_shape[1:])
    return InputLayer(shape, name=name, dtype=dtype).output


@LAYERS.register()
class InputLayer(Layer):
    """The layer of an `Input`, without parameters or computation.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    name : str, optional
        Generated if omitted.
    dtype : str, optional
        See `Input`.

    Raises
    ------
    TypeError
        If `shape` is no tuple of integers and None.
    ValueError
        If it is empty, or a size is below 1.
    """

    def __init__(self, shape: Any, name: str | None = None, dtype: object = None) -> None:
        super().__init__(name=name)
        self.holds_integers = _is_integer(dtype)
        sizes = check_shape("shape", shape, allows_free_width=self.holds_integers)
        self._input_shapes = [(None, *sizes)]
        self._node = Node(self, (), (None, *sizes))
        self._node.output.dtype = "int32" if self.holds_integers else "float32"

    has_weights = False

    @property
    def has_shape(self) -> bool:
        return True

    def parameters(self) -> list[Any]:
        return []

    def count_nonzero(self) -> int:
        return 0

    def get_config(self) -> Config:
        config = {"shape": list(self.input_shape[1:]), "name": self.name}
        return {**config, "dtype": "int32"} if self.holds_integers else config


def _is_integer(dtype: object) -> bool:
    name = getattr(dtype, "__name__", None) or str(dtype)  # of np.int32, or of a string
    if name in ("int32", "int64", "uint8", "int16", "uint16", "int8"):
        return True
    if dtype is not None and name not in ("float32", "float64"):
        raise TypeError(f"dtype: expected 'float32' or an integer type, got {dtype!r}")
    return False
