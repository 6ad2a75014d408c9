"""The activation functions, by name.

| name | f(x) |
|---|---|
| `linear` | x |
| `relu` | max(x, 0) |
| `leaky_relu` | x where x > 0, else 0.2 x |
| `elu` | x where x > 0, else e^x - 1 |
| `selu` | 1.0507 (x where x > 0, else 1.6733 (e^x - 1)) |
| `softplus` | log(1 + e^x) |
| `softsign` | x / (1 + abs(x)) |
| `gelu` | x Phi(x), Phi being the normal distribution function |
| `silu`, `swish` | x / (1 + e^-x) |
| `tanh` | tanh(x) |
| `sigmoid` | 1 / (1 + e^-x) |
| `softmax` | e^x_i / sum_j e^x_j over the last axis |
| `exponential` | e^x |
"""

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
    """The names, without aliases."""
    return list(_NAMES)


def get(identifier: object, argument: str = "activation") -> str:
    """The name that `identifier` stands for.

    Parameters
    ----------
    identifier : str or None
        A name; None means `"linear"`.
    argument : str
        What an error calls it.

    Raises
    ------
    ValueError
        The name is not known; the message lists those that are.
    TypeError
        It is no name: functions are not taken, since the core runs every activation itself.

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
