"""Import of optional dependencies, with an error that states how to install them."""

import importlib
from types import ModuleType


def import_extra(module: str, extra: str) -> ModuleType:
    """Imports a module; the ImportError names the extra of this package that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{package} is required here and could not be imported ({error}); "
            f"install it with: pip install 'gatewise[{extra}]'"
        ) from error
