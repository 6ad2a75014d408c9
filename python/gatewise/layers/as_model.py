"""A layer as a model of one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from gatewise.data.convert import to_array
from gatewise.data.csr import is_sparse
from gatewise.io.model_file import layer_from_bytes, model_to_bytes
from gatewise.layers.symbol import Node, Shape

if TYPE_CHECKING:
    import os

    from gatewise._core import Floats
    from gatewise.callbacks import History

M = TypeVar("M", bound=Callable[..., Any])

# How a layer gets its model: models lie above this package and join by `register_model`.
_MODELS: dict[str, Callable[..., Any]] = {}


def register_model(role: str) -> Callable[[M], M]:
    """A decorator: what it decorates makes the models that layers need.

    Parameters
    ----------
    role : {"of_layers", "of_shapes"}
        Called with a list of layers, or with a layer and the shapes of its inputs.
    """

    def decorator(make: M) -> M:
        _MODELS[role] = make
        return make

    return decorator


class LayerAsModel:
    """A model's methods on a layer, each that of `Sequential([layer])` with the same arguments."""

    name: str
    takes_several: bool
    _node: Node | None

    def __init__(self) -> None:
        self._model: Any = None
        self._cached_model: tuple[list[Shape], Any] | None = None

    def as_model(self) -> Any:
        """The `Sequential` of this one layer; always the same one."""
        if self._model is None:
            self._model = _MODELS["of_layers"]([self])
        return self._model

    def adopt_model(self, model: Any) -> None:
        """Goes on as `model`, which holds this layer alone."""
        self._model = model

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """`Model.compile`."""
        self.as_model().compile(*args, **kwargs)

    def fit(self, *args: Any, **kwargs: Any) -> History:
        """`Model.fit`."""
        history: History = self.as_model().fit(*args, **kwargs)
        return history

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """`Model.evaluate`."""
        return self.as_model().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """`Model.predict`."""
        return self.as_model().predict(*args, **kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """`Model.train_on_batch`."""
        return self.as_model().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """`Model.test_on_batch`."""
        return self.as_model().test_on_batch(*args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """`Model.predict_on_batch`."""
        return self.as_model().predict_on_batch(x)

    def compare(self, *args: Any, **kwargs: Any) -> Any:
        """`Model.compare`."""
        return self.as_model().compare(*args, **kwargs)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """`Model.summary`."""
        self.as_model().summary(*args, **kwargs)

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
    ) -> None:
        """`Model.save`; `gw.load_model` then gives the model of one layer."""
        self.as_model().save(filepath, overwrite, include_optimizer=include_optimizer)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """`Model.save_weights`."""
        self.as_model().save_weights(filepath, overwrite=overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """`Model.load_weights`."""
        self.as_model().load_weights(filepath, skip_mismatch=skip_mismatch)

    def compute(self, inputs: Any) -> Floats:
        """The output for an array, or for a list of arrays where the layer takes several.

        An array may have any number of axes, the last being the features.
        """
        several = self.takes_several and isinstance(inputs, list | tuple)
        values = list(inputs) if several else [inputs]
        arrays = [each if is_sparse(each) else to_array(each, self.name) for each in values]
        shapes = [tuple(array.shape[1:]) for array in arrays]
        if any(not shape for shape in shapes):
            raise ValueError(f"{self.name}: expected arrays (n, ..., d), got one of a single axis")
        if self._cached_model is None or self._cached_model[0] != shapes:
            node = self._node  # `output` is that of a model of the user
            self._cached_model = (shapes, _MODELS["of_shapes"](self, shapes))
            self._node = node
        result: Floats = self._cached_model[1].predict_on_batch(arrays if several else arrays[0])
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return layer_from_bytes, (model_to_bytes(self.as_model()),)


def document_as(model: type[Any]) -> None:
    """Gives the methods that a layer has of a model the model's docstrings and signatures."""
    for name, method in vars(LayerAsModel).items():
        source = getattr(model, name, None)
        if (method.__doc__ or "").startswith("`Model."):
            method.__doc__ = source.__doc__
            method.__wrapped__ = source  # where `inspect.signature` reads it
