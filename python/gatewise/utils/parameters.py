"""Parameters as scikit-learn reads and sets them, without scikit-learn."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self


class HasParameters:
    """Mixin of classes that keep every argument of their constructor as an attribute."""

    kept_attributes: ClassVar[tuple[str, ...]] = ()
    """Further attributes that `set_params` leaves."""

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Names of the constructor's arguments, in order."""
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name.

        Parameters
        ----------
        deep : bool
            If True, also those of arguments that have parameters themselves, as `name__other`.
        """
        found = {name: getattr(self, name) for name in self.parameter_names()}
        if deep:
            for name, value in list(found.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    inner = value.get_params()
                    found.update({f"{name}__{key}": each for key, each in inner.items()})
        return found

    def set_params(self, **params: Any) -> Self:
        """Sets arguments by name; what was trained with the old ones is forgotten.

        Raises
        ------
        ValueError
            There is no argument of a name, or a value is out of range.
        """
        known = self.parameter_names()
        settings = self.get_params(deep=False)
        for name, value in params.items():
            own, _, inner = name.partition("__")
            if own not in known:
                raise ValueError(f"set_params: expected one of {', '.join(known)}; got {own!r}")
            if inner:
                getattr(self, own).set_params(**{inner: value})
            else:
                settings[own] = value
        new = vars(type(self)(**settings))
        kept = {name: each for name, each in vars(self).items() if name in self.kept_attributes}
        for name in list(vars(self)):
            delattr(self, name)
        for name, each in {**new, **kept}.items():
            setattr(self, name, each)
        return self
