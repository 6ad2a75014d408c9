"""Names of layers and models: chosen by the user, or generated from the class name."""

import re

from gatewise.registry import to_snake_case
from gatewise.utils.session import reset_with_session

_next_suffix: dict[str, int] = {}
reset_with_session(_next_suffix.clear)
_NAME_WITH_SUFFIX = re.compile(r"(.+?)(?:_(\d+))?")


def automatic_name(cls: type) -> str:
    """`dense`, then `dense_1`, `dense_2`, as in Keras; each name is used once per process."""
    stem = to_snake_case(cls.__name__)
    suffix = _next_suffix.get(stem, 0)
    _next_suffix[stem] = suffix + 1
    return f"{stem}_{suffix}" if suffix else stem


def check_name(name: object) -> str:
    """Checks a name from the user or a file; later automatic names do not repeat it.

    Raises
    ------
    TypeError
        `name` is not a string.
    ValueError
        `name` is empty or contains a slash, which separates layer and parameter in files.
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a string, got {name!r}")
    matched = _NAME_WITH_SUFFIX.fullmatch(name)
    if matched is None or "/" in name:
        raise ValueError(f"name: expected a string without '/', not empty, got {name!r}")
    stem, suffix = matched[1], int(matched[2] or 0)
    _next_suffix[stem] = max(_next_suffix.get(stem, 0), suffix + 1)
    return name
