"""Checks of scalar arguments. Messages: `<name>: expected <what>, got <value>`."""

import math
import operator
from collections.abc import Sequence
from typing import Any


def to_plain(value: Any) -> Any:
    """Python's own number for a NumPy scalar or an array without axes, also in lists and tuples.

    Files of models hold settings as JSON, which has no others.
    """
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        plain = type(value)(map(to_plain, value))
        return value if all(a is b for a, b in zip(plain, value, strict=True)) else plain
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


def check_integer(name: str, value: object, low: int) -> int:
    """`value` as an int >= `low`; TypeError if not an integer, ValueError if below `low`."""
    expected = f"{name}: expected an integer >= {low}, got {value!r}"
    if isinstance(value, bool):
        raise TypeError(expected)
    try:
        integer = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{expected} of type {type(value).__name__}") from None
    if integer < low:
        raise ValueError(expected)
    return integer


def check_number(name: str, value: object, low: float, high: float = math.inf) -> float:
    """`value` as a finite float in [low, high]; TypeError if not a number, else ValueError."""
    expected = f"{name}: expected a number in [{low:g}, {high:g}], got {value!r}"
    if high == math.inf:
        expected = f"{name}: expected a number >= {low:g}, got {value!r}"
    if isinstance(value, bool | str) or not hasattr(value, "__float__") or _has_axes(value):
        raise TypeError(f"{expected} of type {type(value).__name__}")
    number = float(value)
    if not (low <= number <= high) or math.isinf(number):
        raise ValueError(expected)
    return number


def is_float32(value: object) -> bool:
    """Whether it is `"float32"`, or NumPy's or PyTorch's type of this name."""
    name = getattr(value, "name", getattr(value, "__name__", str(value)))
    return str(name).removeprefix("torch.") == "float32"


def _has_axes(value: object) -> bool:
    return getattr(value, "shape", ()) != ()


def check_flag(name: str, value: object) -> bool:
    """`value`, if it is True or False (NumPy's too); TypeError otherwise."""
    plain = to_plain(value)
    if not isinstance(plain, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return plain


def check_defaults(owner: str, given: dict[str, object], defaults: dict[str, object]) -> None:
    """Checks that unsupported Keras arguments have Keras' defaults.

    Raises
    ------
    TypeError
        A name in `given` is not in `defaults`, or its value is not the default. The dtype may be
        float32, which everything is computed in.
    """
    for name, value in given.items():
        if name not in defaults:
            raise TypeError(f"{owner}: unexpected argument {name!r}")
        if name == "dtype" and is_float32(value):
            continue
        if value is not defaults[name] and value != defaults[name]:
            raise TypeError(
                f"{owner}: {name} is not supported; expected {defaults[name]!r}, got {value!r}"
            )


def check_choice(name: str, value: object, known: Sequence[str]) -> str:
    """`value`, if it is one of the `known` names; ValueError otherwise."""
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    return str(value)
