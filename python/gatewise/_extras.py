"""Import of packages that only some uses need, with an error that says how to get them."""

import importlib
from types import ModuleType


def import_extra(module: str, extra: str) -> ModuleType:
    """The named module, or an ImportError naming the extra of this package that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{package} is needed here and could not be imported ({error}); "
            f"install it with: pip install 'gatewise[{extra}]'"
        ) from error
