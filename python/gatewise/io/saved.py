"""What a file asks of models and layers, and the classes that files can name."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gatewise.registry import Config, Registry

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Self

    from gatewise import _core

    Arrays = Mapping[str, npt.NDArray[Any]]


class SavedLayer(Protocol):
    """A layer as a file sees it."""

    name: str

    @property
    def has_shape(self) -> bool: ...
    def parameters(self) -> list[_core.Parameter]: ...
    def stored_parameters(self) -> list[_core.Parameter]: ...
    def stored_weights(self) -> dict[str, npt.NDArray[Any]]: ...
    def check_stored_weights(self, weights: Arrays) -> None: ...
    def set_stored_weights(self, weights: Arrays) -> None: ...
    def settle(self) -> None: ...
    def get_state(self) -> Config: ...
    def set_state(self, state: Config) -> None: ...


class SavedTraining(Protocol):
    """What a file holds of a model's training: its seed, and the state of its trainer."""

    @property
    def seed(self) -> int | None: ...
    def set_seed(self, seed: int | None) -> None: ...
    def trainer_state(self) -> dict[str, npt.NDArray[Any]]: ...
    def set_trainer_state(self, state: dict[str, npt.NDArray[Any]]) -> None: ...


class SavedModel(ABC):
    """A model as a file sees it; classes that files may name join `MODELS`."""

    @property
    @abstractmethod
    def layers(self) -> Sequence[SavedLayer]:
        """The layers in order."""

    @property
    @abstractmethod
    def _training(self) -> SavedTraining:
        """What else a file holds of the model."""

    @abstractmethod
    def get_config(self) -> Config:
        """The settings as JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Config) -> Self:
        """A new model of these settings."""

    @abstractmethod
    def get_compile_config(self) -> Config:
        """The arguments of `compile` as JSON values; empty before `compile`."""

    @abstractmethod
    def compile_from_config(self, config: Config) -> None:
        """Compiles with what `get_compile_config` returned."""


# How files of another format are read and written: models lie above this package. Name to module
# and function, imported at first use.
_FORMATS: dict[str, tuple[str, str]] = {}


def register_formats(module: str, **functions: str) -> None:
    """Declares functions of a module that read or write a format."""
    for name, function in functions.items():
        _FORMATS[name] = (module, function)


def find_format(name: str) -> Callable[..., Any]:
    """The function that reads, or writes, a format of this name."""
    module, function = _FORMATS[name]
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


MODELS: Registry[SavedModel] = Registry("model", SavedModel)  # type: ignore[type-abstract]
"""The kinds of model that a file may hold."""
