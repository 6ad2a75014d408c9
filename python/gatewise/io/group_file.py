"""Files of several models that belong together, such as an encoder and the experts on its code."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gatewise.io.container import Container, Tensors, reading, write_file
from gatewise.io.model_file import describe_model, restore_model
from gatewise.io.saved import SavedModel
from gatewise.io.weights_file import check_target
from gatewise.registry import Config, Registry

if TYPE_CHECKING:
    from typing_extensions import Self

_PARTS = "parts/"
_ARRAYS = "arrays/"


class SavedGroup(ABC):
    """Models with settings and arrays, as a file sees them; classes join `GROUPS`."""

    @abstractmethod
    def get_config(self) -> Config:
        """The settings as JSON values."""

    @abstractmethod
    def get_parts(self) -> dict[str, SavedModel]:
        """The models by name; an error says what cannot be saved."""

    @abstractmethod
    def get_arrays(self) -> Tensors:
        """Further arrays by name."""

    @classmethod
    @abstractmethod
    def from_parts(cls, config: Config, parts: Mapping[str, Any], arrays: Tensors) -> Self:
        """The group of which `get_config`, `get_parts` and `get_arrays` gave these."""

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Without models, a group is none."""
        raise TypeError(f"{cls.__name__}: expected models besides the settings")

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes all models and settings to one file, which `gw.load_model` reads.

        Parameters
        ----------
        filepath : path
            Any name; `.gatewise` is the custom.
        overwrite : bool
            Whether a file that is there may be replaced.

        Raises
        ------
        FileExistsError
            The file is there and `overwrite` is False.
        AttributeError
            Before `fit`.
        TypeError
            A part is not of this package.
        """
        parts = {name: describe_model(model) for name, model in self.get_parts().items()}
        config = {
            **GROUPS.serialize(self),
            "parts": {name: described for name, (described, _) in parts.items()},
        }
        tensors = {_ARRAYS + name: array for name, array in self.get_arrays().items()}
        for name, (_, own) in parts.items():
            tensors.update({f"{_PARTS}{name}/{key}": array for key, array in own.items()})
        check_target(filepath, overwrite)
        write_file(filepath, "model", config, tensors)


GROUPS: Registry[SavedGroup] = Registry("model", SavedGroup)  # type: ignore[type-abstract]
"""The kinds of groups that a file may hold."""


def is_group(container: Container) -> bool:
    """Whether a file of a model holds several."""
    return "parts" in container.config


def restore_group(container: Container, source: str, compile: bool) -> SavedGroup:
    """The group that a file holds; ValueError as for a model."""
    config, tensors = container.config, container.tensors
    with reading(source):
        kind = GROUPS.find(str(config["class_name"]))
        parts = {}
        for name, described in config["parts"].items():
            prefix = f"{_PARTS}{name}/"
            own = {
                key.removeprefix(prefix): array
                for key, array in tensors.items()
                if key.startswith(prefix)
            }
            parts[name] = restore_model(Container(described, own), source, compile)
        arrays = {
            key.removeprefix(_ARRAYS): array
            for key, array in tensors.items()
            if key.startswith(_ARRAYS)
        }
        return kind.from_parts(config["config"], parts, arrays)
