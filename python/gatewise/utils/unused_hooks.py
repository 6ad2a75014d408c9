"""Refusal of methods that Keras calls and this package does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class RefusesUnusedHooks:
    """Base of classes that users derive from: a hook of Keras that is never called is refused.

    Raises
    ------
    TypeError
        When a subclass is made that has one of `unused_hooks`.
    """

    unused_hooks: ClassVar[Mapping[str, str]] = {}
    """Method names with what to do instead."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, advice in cls.unused_hooks.items():
            if any(name in vars(base) for base in cls.__mro__ if not _is_ours(base)):
                raise TypeError(
                    f"{cls.__name__}.{name}: expected no such method, which is never "
                    f"called; {advice}"
                )


def _is_ours(cls: type) -> bool:
    """Whether a class is one of this package, which calls its own methods."""
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def hooks(advice: str, *names: str) -> dict[str, str]:
    """`unused_hooks` with one advice."""
    return dict.fromkeys(names, advice)
