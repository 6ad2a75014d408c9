"""What a layer multiplies in: float32, or bfloat16 with float32 weights and sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gatewise.utils.checks import is_float32
from gatewise.utils.session import reset_with_session

FLOAT32: Final = "float32"
MIXED: Final = "mixed_bfloat16"
_REASONS: Final = {
    "float16": "its gradients need a scaled loss, and no processor multiplies it faster than "
    "bfloat16",
    "bfloat16": "weights are trained in float32; for prediction alone, model.quantize('bfloat16') "
    "stores them in bfloat16",
}


def _checked_name(argument: str, value: object) -> str:
    if is_float32(value):
        return FLOAT32
    if value == MIXED:
        return MIXED
    name = getattr(value, "__name__", str(value))
    message = f"{argument}: expected {FLOAT32!r} or {MIXED!r}, got {value!r}"
    reason = _REASONS.get(name.removeprefix("mixed_").removeprefix("torch."))
    raise TypeError(f"{message}: {reason}" if reason else message)


class DTypePolicy:
    """The types of a layer's products and of its weights.

    With `"mixed_bfloat16"`, `Dense` and experts round both factors of every product to bfloat16 and
    sum in float32, in the forward pass, the gradient of the input and that of the weights.
    Everything else is float32: weights, biases, activations, routers, losses, optimizers, and the
    arrays that users see. Kernels take 2 bytes a value more, for copies in bfloat16.

    Parameters
    ----------
    name : str
        "float32" or "mixed_bfloat16".

    Raises
    ------
    TypeError
        Another name, such as "float16" or "mixed_float16".

    Examples
    --------
    >>> import gatewise as gw
    >>> policy = gw.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str) -> None:
        self._name = _checked_name("name", name)

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The type of the factors of products."""
        return "bfloat16" if self._name == MIXED else FLOAT32

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return FLOAT32

    def get_config(self) -> dict[str, str]:
        """The settings as JSON values."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, str]) -> DTypePolicy:
        """Creates an equal policy from the result of `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"<DTypePolicy {self._name!r}>"


_default = DTypePolicy(FLOAT32)


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Sets the policy of layers that are created afterwards without `dtype`.

    Dictionaries, compressed layers and `GatedExperts` always multiply in float32.

    Parameters
    ----------
    policy : str or DTypePolicy
        "float32", the default, or "mixed_bfloat16".

    Raises
    ------
    TypeError
        Another policy.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.config.set_dtype_policy("mixed_bfloat16")
    >>> gw.layers.Dense(8).compute_dtype
    'bfloat16'
    >>> gw.config.set_dtype_policy("float32")
    """
    global _default
    _default = get_policy("policy", policy)


reset_with_session(lambda: set_dtype_policy(FLOAT32))


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are created without `dtype`."""
    return _default


def get_policy(argument: str, value: object) -> DTypePolicy:
    """The policy of this name, or of Keras' serialized form; TypeError if there is none."""
    if isinstance(value, DTypePolicy):
        return value
    if isinstance(value, Mapping) and value.get("class_name") == "DTypePolicy":
        value = value.get("config", {}).get("name")
    return DTypePolicy(_checked_name(argument, value))
