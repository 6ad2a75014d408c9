"""Old names that still work, with a warning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gatewise.utils.warn import warn_user

F = TypeVar("F", bound=Callable[..., Any])


def warn_renamed(old: str, new: str) -> None:
    """Warns the user's code that `old` is called `new` now."""
    warn_user(f"{old} is deprecated; use {new}", DeprecationWarning)


def renamed_arguments(**names: str) -> Callable[[F], F]:
    """Decorator: a function also takes arguments by their old names, with a warning.

    Parameters
    ----------
    **names : str
        The new name of each old name.

    Raises
    ------
    TypeError
        When the function is called with both names of an argument.
    """

    def decorator(function: F) -> F:
        @functools.wraps(function)
        def with_old_names(*values: Any, **arguments: Any) -> Any:
            for old, new in names.items():
                if old not in arguments:
                    continue
                if new in arguments:
                    raise TypeError(f"{new}: expected one value, got another one as {old}")
                warn_renamed(old, new)
                arguments[new] = arguments.pop(old)
            return function(*values, **arguments)

        return cast(F, with_old_names)

    return decorator
