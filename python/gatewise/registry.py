"""Names in place of objects: `"adam"`, `"TopK"`, or a file's `{"class_name": ..., "config": ...}`.

Only what is registered can be named; nothing is imported by name: a file cannot choose what runs.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

Config: TypeAlias = dict[str, Any]
"""The JSON object from which `from_config` makes an equal instance."""

NativeOptions: TypeAlias = dict[str, bool | int | float | str]
"""Settings as the core reads them, flat: `{"units": 10, "expert.kind": "mlp"}`."""


class Serializable(Protocol):
    """What a registered class can do: tell its settings, and be made from them again."""

    def get_config(self) -> Config: ...
    @classmethod
    def from_config(cls, config: Config) -> Self: ...


T = TypeVar("T", bound=Serializable)
C = TypeVar("C", bound=type[Any])


class Configurable:
    """A small object made of plain settings: a dataclass whose fields are its configuration.

    Comparison and `repr` are those of dataclasses, written once: `dataclass` would compile them for
    each of fifty classes, a sixth of the import's time. So `eq=False, repr=False`.
    """

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__ or not dataclasses.is_dataclass(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values()) if dataclasses.is_dataclass(self) else id(self)

    def __repr__(self) -> str:
        if not dataclasses.is_dataclass(self):
            return object.__repr__(self)
        settings = (
            f"{each.name}={getattr(self, each.name)!r}" for each in dataclasses.fields(self)
        )
        return f"{type(self).__qualname__}({', '.join(settings)})"

    def _values(self) -> tuple[Any, ...]:
        assert dataclasses.is_dataclass(self)
        return tuple(getattr(self, each.name) for each in dataclasses.fields(self))

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal object."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The object that `get_config` described."""
        return cls(**config)


def to_snake_case(name: str) -> str:
    """`GlorotUniform` -> `glorot_uniform`, `MLP` -> `mlp`, `TopK` -> `top_k`."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words).lower()


class Registry(Generic[T]):
    """The classes of one kind, by name.

    Parameters
    ----------
    kind : str
        What an error calls them: `"router"`.
    base : type
        What an instance must be.
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self._base = base
        self._classes: dict[str, type[T]] = {}
        self._canonical: list[str] = []

    def register(self, *aliases: str) -> Callable[[C], C]:
        """A decorator entering a class under its name, that name in snake_case, and `aliases`."""

        def decorator(cls: C) -> C:
            name = cls.__name__
            self._canonical.append(aliases[0] if aliases else to_snake_case(name))
            for each in (name, to_snake_case(name), *aliases):
                self._classes[each] = cls
            return cls

        return decorator

    def names(self) -> list[str]:
        """One snake_case name for each class, in order of registration."""
        return list(self._canonical)

    def find(self, name: str, argument: str | None = None) -> type[T]:
        """The class of this name.

        Raises
        ------
        ValueError
            The name is not registered; the message lists those that are.
        """
        if name in self._classes:
            return self._classes[name]
        known = ", ".join(self.names())
        raise ValueError(f"{argument or self.kind}: expected one of {known}; got {name!r}")

    def get(self, identifier: object, argument: str | None = None) -> T:
        """The instance that `identifier` means.

        Parameters
        ----------
        identifier : str, dict or instance
            A name; `{"class_name": name, "config": settings}`; or the object itself.
        argument : str, optional
            What an error calls it; the registry's kind unless given.

        Raises
        ------
        ValueError
            The name is not known, or its class cannot be made without arguments.
        TypeError
            `identifier` is none of the three.
        """
        argument = argument or self.kind
        if isinstance(identifier, self._base):
            return identifier
        if isinstance(identifier, str):
            return self._make(identifier, argument)
        if isinstance(identifier, dict) and set(identifier) == {"class_name", "config"}:
            cls = self.find(str(identifier["class_name"]), argument)
            return cls.from_config(identifier["config"])
        raise TypeError(
            f"{argument}: expected a name, an instance of {self._base.__name__} or a configuration "
            f"with class_name and config, got {shown(identifier)}"
        )

    def serialize(self, instance: T) -> Config:
        """`{"class_name": ..., "config": ...}`, the form that `get` reads back.

        Raises
        ------
        TypeError
            The instance's class is not registered, so that `get` could not find it.
        """
        if self._classes.get(type(instance).__name__) is not type(instance):
            raise TypeError(
                f"{self.kind}: expected an instance of {', '.join(self.names())}, "
                f"which files can name; got one of {type(instance).__name__}"
            )
        return {"class_name": type(instance).__name__, "config": instance.get_config()}

    def _make(self, name: str, argument: str) -> T:
        cls = self.find(name, argument)
        parameters = inspect.signature(cls).parameters.values()
        needed = [
            parameter.name
            for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ]
        if needed:
            raise ValueError(
                f"{argument}: {name!r} alone does not say {', '.join(needed)}; "
                f"expected {cls.__name__}({', '.join(needed)})"
            )
        return cls()


def shown(value: object) -> str:
    """A value as an error shows it: short, with the type where the value alone could mislead."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{value!r:.80} of type {type(value).__name__}"
