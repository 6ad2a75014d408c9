"""What completion lists of a module."""

from typing import Any


def public_names(module: dict[str, Any]) -> list[str]:
    """The names in `__all__`; without it, the classes and functions that the module defines.

    Parameters
    ----------
    module : dict
        `globals()` of the module.
    """
    if "__all__" in module:
        return sorted(module["__all__"])
    own = module["__name__"]
    return sorted(
        name
        for name, value in module.items()
        if not name.startswith("_") and getattr(value, "__module__", None) == own
    )
