"""Selection among the instruction-set levels that were built and that the processor runs."""

import importlib.util

from gatewise import _probe

# Fastest first, as measured on processors that support all of them.
_PREFERENCE = ("v4", "v3", "v2", "baseline")


def built() -> list[str]:
    """The levels whose extension is in the package, oldest first."""
    return [
        level
        for level in reversed(_PREFERENCE)
        if importlib.util.find_spec(f"gatewise._core_{level}") is not None
    ]


def choose(requested: str, built: list[str], runnable: list[str]) -> str:
    """The level to import: the requested one, or the first usable one of `_PREFERENCE`."""
    names = ", ".join(runnable) or "none"
    usable = [level for level in built if level in runnable]
    if requested and requested not in runnable:
        raise ImportError(
            f"GATEWISE_ISA: expected a level that this processor and system can run ({names}), "
            f"got {requested!r}"
        )
    if requested and requested not in built:
        raise ImportError(
            f"GATEWISE_ISA: expected a level that was built ({', '.join(built)}), got "
            f"{requested!r}; GATEWISE_LEVELS={requested} pip install builds it"
        )
    if requested:
        return requested
    for level in _PREFERENCE:
        if level in usable:
            return level
    raise ImportError(
        f"gatewise: was built for {', '.join(built) or 'no level'}, and this processor runs "
        f"{names}; GATEWISE_LEVELS=native pip install builds the newest of them"
    )


def available() -> list[str]:
    """The levels that were built and that this processor can run, oldest first."""
    runnable = _probe.levels()
    return [level for level in built() if level in runnable]
