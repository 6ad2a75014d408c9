"""Keras' names that are not here answer with what to use instead.

`gw.layers.LSTM` raises AttributeError with a sentence, so `hasattr` is False, and `from
gatewise.layers import LSTM` raises ImportError with the same sentence. The table of sentences,
`keras_names`, is imported at the first such name. A name that exists never gets here.

A from-import keeps no text of an AttributeError that a module's `__getattr__` raises. But where the
module has a `__path__`, the import system then looks for a submodule of that name, by the finders
of `sys.meta_path` (Python's language reference, "The import system"). So public modules get an
empty `__path__`, and the last finder, `AbsentNames`, raises.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NoReturn

_ROOT = __name__.partition(".")[0]


def sentence(path: str) -> str | None:
    """What to use instead of a name of Keras, such as `"gatewise.layers.LSTM"`.

    Returns
    -------
    str or None
        `"gatewise.layers.LSTM: not here; ..."`; None if Keras has no such name or it is here.
    """
    root, _, name = path.partition(".")
    if root != _ROOT or name.rpartition(".")[2].startswith("_"):
        return None
    from gatewise.utils.keras_names import advice

    advised = advice(name)
    return None if advised is None else f"{path}: not here; {advised}"


class AbsentNames:
    """The finder that refuses names of Keras with their sentence, for `sys.meta_path`."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """None for all that is not a name of Keras in this package.

        Raises
        ------
        ImportError
            With the sentence; a ModuleNotFoundError where Keras has a module.
        """
        said = sentence(fullname) if fullname.startswith(f"{_ROOT}.") else None
        if said is None:
            return
        from gatewise.utils.keras_names import MODULES

        # Without its `name`: a from-import drops a ModuleNotFoundError that bears the wanted one.
        is_module = fullname.partition(".")[2] in MODULES
        raise ModuleNotFoundError(said) if is_module else ImportError(said)


def install(modules: Iterable[ModuleType]) -> None:
    """Makes public modules answer for Keras' names that they do not have."""
    for module in modules:
        if isinstance(vars(module).get("__getattr__"), _Lookup):
            continue  # imported again
        module.__dict__["__getattr__"] = _Lookup(module)
        module.__dict__.setdefault("__path__", [])
    if not any(isinstance(finder, AbsentNames) for finder in sys.meta_path):
        sys.meta_path.append(AbsentNames())


class _Lookup:
    """The `__getattr__` of a module: its own one first, if it has one."""

    def __init__(self, module: ModuleType) -> None:
        self._path = module.__name__
        self._own: Callable[[str], Any] = vars(module).get("__getattr__", self._refuse)

    def __call__(self, name: str) -> Any:
        try:
            return self._own(name)
        except AttributeError:
            said = sentence(f"{self._path}.{name}")
            if said is None:
                raise
        raise AttributeError(said)

    def _refuse(self, name: str) -> NoReturn:
        raise AttributeError(f"module {self._path!r} has no attribute {name!r}")
