"""A JSON file of settings, with checks that name the file and the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NONE: Any = object()


class Configuration:
    """Settings of a file, with access that checks them.

    Parameters
    ----------
    source : str
        Name in error messages: the file's path and the path inside it.
    values : mapping of str
        JSON values.
    """

    def __init__(self, source: str, values: Mapping[str, Any]) -> None:
        self.source = source
        self.values = dict(values)

    def integer(self, name: str, low: int, default: Any = _NONE) -> int:
        """An integer of at least `low`; ValueError if it is another value or missing."""
        value = self._get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise self._wrong(name, f"an integer >= {low}", value)
        return value

    def flag(self, name: str, default: Any = _NONE) -> bool:
        """true or false; ValueError if it is another value or missing."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def choice(self, name: str, *choices: str, default: Any = _NONE) -> str:
        """One of `choices`; ValueError if it is another value or missing."""
        value = self._get(name, default)
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}", value)
        return str(value)

    def group(self, name: str, default: Any = _NONE) -> Configuration:
        """A nested object of settings; ValueError if it is another value or missing."""
        value = self._get(name, default)
        if not isinstance(value, dict):
            raise self._wrong(name, "an object", value)
        return Configuration(f"{self.source}: {name}", value)

    def expect(self, name: str, expected: Any) -> None:
        """Raises ValueError if the setting is present and not `expected`."""
        if name in self.values and self.values[name] != expected:
            raise self._wrong(name, json.dumps(expected), self.values[name])

    def _get(self, name: str, default: Any) -> Any:
        value = self.values.get(name, default)
        if value is _NONE:
            raise ValueError(f"{self.source}: {name}: expected it in the file, found none")
        return value

    def _wrong(self, name: str, expected: str, value: Any) -> ValueError:
        return ValueError(f"{self.source}: {name}: expected {expected}, got {value!r:.80}")


def read_configuration(path: Path) -> Configuration:
    """The JSON object of a file; ValueError if it has none, OSError if it cannot be read."""
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a JSON object: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected a JSON object, got {values!r:.80}")
    return Configuration(str(path), values)
