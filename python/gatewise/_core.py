"""Loads the core of one instruction-set level as the module `gatewise._core`.

`_core.pyi` declares its names and types. The environment variable `GATEWISE_ISA=v2` (or v3, v4,
baseline) selects a level. A level that was not built or that the processor cannot run raises
ImportError; it is never replaced by another level.
"""

import importlib
import os
import sys

from gatewise import _levels, _probe

_level = _levels.choose(os.environ.get("GATEWISE_ISA", ""), _levels.built(), _probe.levels())
# Importers get the module that sys.modules then contains under this name: the extension.
sys.modules[__name__] = importlib.import_module(f"gatewise._core_{_level}")
