"""Registries map names to classes: `"adam"`, `"TopK"`, or `{"class_name": ..., "config": ...}`.

Names that are not registered are errors, so a file cannot run arbitrary code.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from gatewise.utils.checks import check_defaults, to_plain

if TYPE_CHECKING:
    from typing_extensions import Self

Config: TypeAlias = dict[str, Any]
"""A JSON object from which `from_config` creates an equal instance."""

_CONFIG_KEYS = {"class_name", "config"}
_KEYS_OF_KERAS = {"module", "registered_name", "build_config"}
"""What Keras writes beside them: names of its own modules, and shapes."""

NativeOptions: TypeAlias = dict[str, bool | int | float | str]
"""Settings for the core, as a flat dict: `{"units": 10, "expert.kind": "mlp"}`."""


class Serializable(Protocol):
    """Interface of a registered class: it can be serialized to settings and restored."""

    def get_config(self) -> Config: ...
    @classmethod
    def from_config(cls, config: Config) -> Self: ...


def is_config(value: object) -> bool:
    """Whether a value is `{"class_name": ..., "config": ...}`, as this package or Keras writes."""
    return isinstance(value, dict) and _CONFIG_KEYS <= set(value) <= _CONFIG_KEYS | _KEYS_OF_KERAS


T = TypeVar("T", bound=Serializable)
C = TypeVar("C", bound=type[Any])


class Configurable:
    """Base class of configuration objects: dataclasses whose fields are their configuration.

    Comparison and `repr` work as in dataclasses, but are implemented once. `dataclass` would
    compile them for each of 50 classes, which takes 1/6 of the import time; hence `eq=False,
    repr=False`.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check = cls.__dict__.get("__post_init__")
        if check is not None:

            @functools.wraps(check)
            def checked(self: Configurable) -> None:
                Configurable.__post_init__(self)
                check(self)

            cls.__post_init__ = checked  # type: ignore[method-assign]

    def __post_init__(self) -> None:
        """Converts NumPy scalars among the settings, before a subclass checks them."""
        if not dataclasses.is_dataclass(self):
            return
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            plain = to_plain(value)
            if plain is not value:
                object.__setattr__(self, field.name, plain)

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
        """The settings as JSON values; `from_config` creates an equal object from them."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Creates an object from the result of `get_config`."""
        return cls(**config)


def to_snake_case(name: str) -> str:
    """`GlorotUniform` -> `glorot_uniform`, `MLP` -> `mlp`, `Conv2D` -> `conv2d`,
    `Conv2DTranspose` -> `conv2d_transpose`.
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])((?!D(?:$|_))[A-Z])", r"\1_\2", words).lower()


class Registry(Generic[T]):
    """Classes of one kind, by name.

    Parameters
    ----------
    kind : str
        Name of the kind in error messages, such as `"router"`.
    base : type
        Base class of all registered classes.
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self._base = base
        self._classes: dict[str, type[T]] = {}
        self._canonical: list[str] = []
        self._late: dict[str, str] = {}

    def register(self, *aliases: str) -> Callable[[C], C]:
        """Decorator that registers a class by its name, its snake_case name and `aliases`."""

        def decorator(cls: C) -> C:
            name = cls.__name__
            self._canonical.append(aliases[0] if aliases else to_snake_case(name))
            for each in (name, to_snake_case(name), *aliases):
                self._classes[each] = cls
            return cls

        return decorator

    def register_late(self, modules: Mapping[str, str]) -> None:
        """Declares classes that are registered by importing their module: class name to module.

        The module is imported when the class is first looked up.
        """
        for name, module in modules.items():
            self._late.setdefault(name, module)
            self._late.setdefault(to_snake_case(name), module)

    def names(self) -> list[str]:
        """One snake_case name per class, in order of registration."""
        for module in dict.fromkeys(self._late.values()):
            importlib.import_module(module)
        return list(self._canonical)

    def find(self, name: str, argument: str | None = None) -> type[T]:
        """The class registered as `name`.

        Raises
        ------
        ValueError
            The name is not registered; the message lists the registered names.
        """
        if name not in self._classes and name in self._late:
            importlib.import_module(self._late[name])
        known = ", ".join(self._canonical if name in self._classes else self.names())
        if name in self._classes:  # also a second name that a late module has
            return self._classes[name]
        raise ValueError(f"{argument or self.kind}: expected one of {known}; got {name!r}")

    def get(self, identifier: object, argument: str | None = None) -> T:
        """The instance given by `identifier`.

        Parameters
        ----------
        identifier : str, dict or instance
            A name, `{"class_name": name, "config": settings}`, or an instance.
        argument : str, optional
            Argument name for error messages; by default the registry's kind.

        Raises
        ------
        ValueError
            The name is unknown, or its class has required arguments.
        TypeError
            `identifier` is none of these.
        """
        argument = argument or self.kind
        if isinstance(identifier, self._base):
            return identifier
        if isinstance(identifier, str):
            return self._make(identifier, argument)
        if isinstance(identifier, dict) and is_config(identifier):
            cls = self.find(str(identifier["class_name"]), argument)
            return cls.from_config(identifier["config"])
        raise TypeError(
            f"{argument}: expected a name, an instance of {self._base.__name__} or a configuration "
            f"with class_name and config, got {shown(identifier)}"
        )

    def holds(self, instance: T) -> bool:
        """Whether the instance's class is registered, so that `get` can restore the instance."""
        return self._classes.get(type(instance).__name__) is type(instance)

    def serialize(self, instance: T) -> Config:
        """`{"class_name": ..., "config": ...}`, from which `get` restores the instance.

        Raises
        ------
        TypeError
            The instance's class is not registered, so `get` could not find it.
        """
        if not self.holds(instance):
            raise TypeError(
                f"{self.kind}: expected an instance of a registered class "
                f"({', '.join(self.names())}), got one of {type(instance).__name__}"
            )
        return {"class_name": type(instance).__name__, "config": instance.get_config()}

    def deserialize(self, config: object, custom_objects: None = None) -> T:
        """The instance of a configuration that `serialize` returned, or of a name.

        Raises
        ------
        ValueError
            The name is unknown.
        TypeError
            `config` is none of these, or `custom_objects` is given, which is not supported.
        """
        check_defaults("deserialize", {"custom_objects": custom_objects}, {"custom_objects": None})
        return self.get(config, "config")

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
                f"{argument}: expected {cls.__name__}({', '.join(needed)}), got {name!r} "
                f"without {', '.join(needed)}"
            )
        return cls()


def shown(value: object) -> str:
    """Formats a value for an error message: at most 80 characters, with its type."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{value!r:.80} of type {type(value).__name__}"
