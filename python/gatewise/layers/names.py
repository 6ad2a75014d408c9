"""Names of layers and models: given, or made from the class."""

import re

from gatewise.registry import to_snake_case

_next_suffix: dict[str, int] = {}
_NAME_WITH_SUFFIX = re.compile(r"(.+?)(?:_(\d+))?")


def automatic_name(cls: type) -> str:
    """`dense`, then `dense_1`, `dense_2`: as Keras names layers, once each in a process."""
    stem = to_snake_case(cls.__name__)
    suffix = _next_suffix.get(stem, 0)
    _next_suffix[stem] = suffix + 1
    return f"{stem}_{suffix}" if suffix else stem


def check_name(name: object) -> str:
    """A name that the user or a file gave; later automatic ones will not repeat it.

    Raises
    ------
    TypeError
        It is no string.
    ValueError
        It is empty or holds a slash, which separates layer and parameter in files.
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a string, got {name!r}")
    matched = _NAME_WITH_SUFFIX.fullmatch(name)
    if matched is None or "/" in name:
        raise ValueError(f"name: expected a string without '/', not empty, got {name!r}")
    stem, suffix = matched[1], int(matched[2] or 0)
    _next_suffix[stem] = max(_next_suffix.get(stem, 0), suffix + 1)
    return name
