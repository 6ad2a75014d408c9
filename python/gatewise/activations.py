"""Activation functions, by name.

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
"""

from gatewise.utils.public_names import public_names

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
)
_ALIASES = {"swish": "silu"}


def names() -> list[str]:
    """All activation names, without aliases."""
    return list(_NAMES)


def get(identifier: object, argument: str = "activation") -> str:
    """The canonical name of an activation.

    Parameters
    ----------
    identifier : str or None
        Name or alias; None means `"linear"`.
    argument : str
        Argument name for error messages.

    Raises
    ------
    ValueError
        The name is unknown; the message lists the known names.
    TypeError
        `identifier` is not a string. Functions are not accepted: the core computes activations.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.activations.get("swish"), gw.activations.get(None)
    ('silu', 'linear')
    """
    if identifier is None:
        return "linear"
    if not isinstance(identifier, str):
        raise TypeError(
            f"{argument}: expected one of the names {', '.join(_NAMES)}, got {identifier!r}"
        )
    name = _ALIASES.get(identifier, identifier)
    if name not in _NAMES:
        raise ValueError(f"{argument}: expected one of {', '.join(_NAMES)}; got {identifier!r}")
    return name


def __dir__() -> list[str]:
    return public_names(globals())
