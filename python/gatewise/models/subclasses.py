"""Configuration of models whose class a user derived, with a constructor of its own."""

from __future__ import annotations

import inspect
from typing import Any

from gatewise.registry import Config
from gatewise.utils.checks import to_plain

_PACKAGE = __name__.partition(".")[0] + "."
_GRAPH_ARGUMENTS = ({"layers"}, {"inputs", "outputs"})
"""A constructor with these arguments takes the layers or symbols of a configuration."""


def has_own_constructor(cls: type) -> bool:
    """Whether a class outside this package has a constructor with arguments of its own."""
    defined_in = next(base for base in cls.__mro__ if "__init__" in vars(base))
    if _is_of_package(defined_in):
        return False
    parameters = inspect.signature(cls).parameters.values()
    names = {each.name for each in parameters if each.kind is not each.VAR_POSITIONAL}
    return not any(wanted <= names for wanted in _GRAPH_ARGUMENTS)


def package_class(cls: Any) -> Any:
    """The class itself, or the one of this package that it is derived from by a constructor."""
    if not has_own_constructor(cls):
        return cls
    return next(base for base in cls.__mro__ if _is_of_package(base))


def constructor_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Config:
    """The arguments of a call of `cls`, by name; wrong ones are left to the call to report."""
    try:
        bound = inspect.signature(cls).bind(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    named: Config = {}
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(bound.arguments[name])
        else:
            named[name] = bound.arguments[name]
    return named


def check_arguments(cls: type, arguments: Config) -> Config:
    """The arguments as JSON values.

    Raises
    ------
    NotImplementedError
        One of them is no JSON value, so the class must describe itself.
    """
    plain = {name: to_plain(value) for name, value in arguments.items()}
    for name, value in plain.items():
        if not _is_json(value):
            raise NotImplementedError(
                f"{cls.__name__}: expected get_config() to be overridden, since argument {name} of "
                f"__init__ is no JSON value but of type {type(value).__name__}"
            )
    return plain


def create(cls: Any, config: Config) -> Any:
    """`cls(**config)`.

    Raises
    ------
    TypeError
        The configuration does not match the constructor.
    """
    try:
        inspect.signature(cls).bind(**config)
    except TypeError as error:
        raise TypeError(
            f"{cls.__name__}.from_config: expected the arguments of {cls.__name__}.__init__ "
            f"({error}); override from_config or get_config"
        ) from None
    return cls(**config)


def _is_of_package(cls: type) -> bool:
    return cls.__module__.startswith(_PACKAGE)


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, bool | int | float | str)
