"""Imports the native core built for one instruction-set level under the name `gatewise._core`.

The names inside, with their types, are in `_core.pyi`. `GATEWISE_ISA=v2` (or v3, v4, baseline) in
the environment forces a level; one that was not built or cannot run here is refused, never replaced
by another.
"""

import importlib
import os
import sys

from gatewise import _levels, _probe

_level = _levels.choose(os.environ.get("GATEWISE_ISA", ""), _levels.built(), _probe.levels())
# An import hands out what this table then holds, so this file's name now means the extension.
sys.modules[__name__] = importlib.import_module(f"gatewise._core_{_level}")
