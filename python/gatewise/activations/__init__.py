"""Activation functions, by name and as functions on arrays.

Layers compute those of the table; `activation=` takes the name, or the function of this module. The
other functions are for arrays only.

| name | f(x) |
|---|---|
| `linear` | x |
| `relu` | max(x, 0) |
| `leaky_relu` | x where x > 0, else 0.2 x |
| `elu` | x where x > 0, else e^x - 1 |
| `selu` | 1.0507 (x where x > 0, else 1.6733 (e^x - 1)) |
| `softplus` | log(1 + e^x) |
| `softsign` | x / (1 + abs(x)) |
| `gelu` | x Phi(x), with the standard normal CDF Phi |
| `silu`, `swish` | x / (1 + e^-x) |
| `tanh` | tanh(x) |
| `sigmoid` | 1 / (1 + e^-x) |
| `softmax` | e^x_i / sum_j e^x_j over the last axis |
| `exponential` | e^x |
| `celu` | as `elu` |
| `relu6` | min(max(x, 0), 6) |
| `hard_sigmoid` | min(max(x / 6 + 1 / 2, 0), 1) |
| `hard_silu`, `hard_swish` | x min(max(x / 6 + 1 / 2, 0), 1) |
| `hard_tanh` | min(max(x, -1), 1) |
| `hard_shrink` | x where abs(x) > 0.5, else 0 |
| `soft_shrink` | sign(x) max(abs(x) - 0.5, 0) |
| `tanh_shrink` | x - tanh(x) |
| `sparse_plus` | 0 below -1, x above 1, else (x + 1)^2 / 4 |
| `sparse_sigmoid` | min(max((x + 1) / 2, 0), 1) |
| `log_sigmoid` | -log(1 + e^-x) |
| `mish` | x tanh(log(1 + e^x)) |
| `squareplus` | (x + sqrt(x^2 + 4)) / 2 |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gatewise.utils.checks import check_defaults
from gatewise.utils.lazy_names import lazy_names
from gatewise.utils.public_names import public_names

if TYPE_CHECKING:
    from gatewise.activations.piecewise import (
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_swish,
        hard_tanh,
        leaky_relu,
        relu,
        relu6,
        soft_shrink,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        threshold,
    )
    from gatewise.activations.smooth import (
        celu,
        elu,
        exponential,
        gelu,
        glu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        selu,
        sigmoid,
        silu,
        softmax,
        softplus,
        softsign,
        squareplus,
        swish,
        tanh,
        tanh_shrink,
    )

_NAMES = (
    "linear",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "softmax",
    "exponential",
    "relu6",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "log_sigmoid",
    "mish",
    "squareplus",
)
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}
_IN_LAYERS = {**_ALIASES, "celu": "elu"}
_PIECEWISE = (
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "relu",
    "relu6",
    "soft_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "threshold",
)
__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "names",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

_OWN = ("deserialize", "get", "names", "serialize")
_MODULES = {
    name: "piecewise" if name in _PIECEWISE else "smooth" for name in __all__ if name not in _OWN
}
_function = lazy_names(__name__, _MODULES)
if not TYPE_CHECKING:
    __getattr__ = _function


class ActivationName(str):
    """The name of an activation; called, it computes the function of that name on an array."""

    def __call__(self, x: Any) -> Any:
        """The function's value, with its default options."""
        return _function(self)(x)

    @property
    def __name__(self) -> str:
        """The name, as a function has it: `layer.activation.__name__`."""
        return str(self)

    def __deepcopy__(self, memo: object) -> ActivationName:
        return self  # as of any string; scikit-learn's `clone` compares settings by identity


_KNOWN = {name: ActivationName(name) for name in _NAMES}


def names() -> list[str]:
    """The names of the activations that layers compute, without aliases."""
    return list(_NAMES)


def get(identifier: object, argument: str = "activation") -> ActivationName:
    """The canonical name of an activation that layers compute; it can be called with an array.

    Parameters
    ----------
    identifier : str, callable or None
        Name, alias or function of this module; None means `"linear"`.
    argument : str
        Argument name for error messages.

    Raises
    ------
    ValueError
        The name is unknown, or layers do not compute it; the message lists the known names.
    TypeError
        `identifier` is no string and no function of this module: the core computes activations.

    Examples
    --------
    >>> from gatewise.activations import elu, get
    >>> get("swish"), get(None), get(elu)
    ('silu', 'linear', 'elu')
    >>> get("relu")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    if identifier is None:
        return _KNOWN["linear"]
    given = identifier if isinstance(identifier, str) else _name_of(identifier)
    if given is None:
        raise TypeError(
            f"{argument}: expected one of the names {', '.join(_NAMES)}, got {identifier!r}"
        )
    name = _IN_LAYERS.get(given, given)
    if name not in _NAMES:
        hint = ""
        if name in _MODULES:
            hint = f", which layers do not compute; gw.activations.{name} takes arrays"
        raise ValueError(f"{argument}: expected one of {', '.join(_NAMES)}; got {given!r}{hint}")
    return _KNOWN[name]


def serialize(activation: object) -> str:
    """The name of a function of this module, or of what `get` returned.

    Raises
    ------
    TypeError
        If it is another function.
    """
    name = activation if isinstance(activation, str) else _name_of(activation)
    if name is None:
        raise TypeError(f"activation: expected a function of gw.activations, got {activation!r}")
    return _ALIASES.get(str(name), str(name))


def deserialize(config: str, custom_objects: None = None) -> Callable[..., Any]:
    """The function of a name that `serialize` returned.

    Raises
    ------
    TypeError
        If `custom_objects` is given, which is not supported.
    ValueError
        If there is no such function.
    """
    check_defaults("deserialize", {"custom_objects": custom_objects}, {"custom_objects": None})
    if config not in _MODULES:
        raise ValueError(f"config: expected one of {', '.join(_MODULES)}; got {config!r}")
    function: Callable[..., Any] = _function(config)
    return function


def _name_of(function: object) -> str | None:
    """The name of a function of this module; None for all else."""
    name = getattr(function, "__name__", None)
    return name if name in _MODULES and _function(name) is function else None


def __dir__() -> list[str]:
    return public_names(globals())
