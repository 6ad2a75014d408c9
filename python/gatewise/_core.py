"""Imports the native core built for one instruction-set level under the name `gatewise._core`.

The names inside, with their types, are in `_core.pyi`. `GATEWISE_ISA=v2` (or v3, v4, baseline) in
the environment forces a level; one that cannot run here is refused, never replaced by another.
"""

import importlib
import os
import sys

from gatewise import _probe

# The order in which they were measured to win, on processors that have them all.
_PREFERENCE = ("v4", "v3", "v2", "baseline")


def _choose(requested: str, runnable: list[str]) -> str:
    """The level to import: the requested one, or the first of the preference that runs here."""
    names = ", ".join(runnable) or "none"
    if requested and requested not in runnable:
        raise ImportError(
            f"GATEWISE_ISA: expected a level that this processor and system can run ({names}), "
            f"got {requested!r}"
        )
    if requested:
        return requested
    for level in _PREFERENCE:
        if level in runnable:
            return level
    raise ImportError(f"gatewise: expected a processor of x86-64 level v2 or newer, got {names}")


_level = _choose(os.environ.get("GATEWISE_ISA", ""), _probe.levels())
# An import hands out what this table then holds, so this file's name now means the extension.
sys.modules[__name__] = importlib.import_module(f"gatewise._core_{_level}")
