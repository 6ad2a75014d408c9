"""Old names that still work, with a warning."""

from __future__ import annotations

from gatewise.utils.warn import warn_user


def warn_renamed(old: str, new: str) -> None:
    """Warns the user's code that `old` is called `new` now."""
    warn_user(f"{old} is deprecated; use {new}", DeprecationWarning)
