"""Settings among which may be objects that JSON does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def names_of_objects(settings: Any) -> list[str]:
    """The names of functions and other objects among settings that are no JSON values."""
    return list(dict.fromkeys(_name(each) for each in _objects(settings)))


def describe_objects(settings: Any) -> Any:
    """The settings with the name of each object in its place."""
    if isinstance(settings, dict):
        return {key: describe_objects(each) for key, each in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [describe_objects(each) for each in settings]
    return settings if _is_value(settings) else {"object": _name(settings)}


def _is_value(setting: Any) -> bool:
    return setting is None or isinstance(setting, (bool, int, float, str))


def _objects(settings: Any) -> Iterator[Any]:
    if isinstance(settings, dict):
        settings = list(settings.values())
    if isinstance(settings, (list, tuple)):
        for each in settings:
            yield from _objects(each)
    elif not _is_value(settings):
        yield settings


def _name(value: Any) -> str:
    return str(getattr(value, "name", getattr(value, "__name__", type(value).__name__)))
