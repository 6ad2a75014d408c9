"""What one expert computes. Each class is the description of a native expert.

A new one takes a C++ file that registers its kind, a class here, and a test.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from gatewise import activations
from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_flag, check_integer


@dataclass(frozen=True)
class Expert(Configurable):
    """A map of rows `(n, d)` to `(n, u)` with weights of its own in each expert of a layer.

    The layer's `use_bias` is the bias of an expert's outputs; an expert's own lies inside it.
    """

    kind: ClassVar[str]

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        settings = {f"expert.{field.name}": getattr(self, field.name) for field in fields(self)}
        return {"expert.kind": self.kind, **settings}

    def describe(self) -> str:
        """A few words for `summary()`."""
        return type(self).__name__


EXPERTS: Registry[Expert] = Registry("expert", Expert)


def get(identifier: object, argument: str = "expert") -> Expert:
    """The expert that a name, a configuration or an instance means."""
    return EXPERTS.get(identifier, argument)


@EXPERTS.register("linear")
@dataclass(frozen=True)
class Linear(Expert):
    """`E(x) = f(x W + b)`, with `W` of shape `(d, u)`.

    Parameters
    ----------
    activation : str
        f, by name; unlike the layer's it acts before the experts are combined.

    Raises
    ------
    ValueError
        The activation is unknown, or is a softmax.

    References
    ----------
    Jacobs, Jordan, Nowlan, Hinton 1991, "Adaptive mixtures of local experts".
    """

    activation: str = "linear"

    kind: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "activation", _elementwise(self.activation))


@dataclass(frozen=True)
class _Hidden(Expert):
    """An expert with one hidden layer."""

    hidden: int
    activation: str = "relu"
    use_bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", check_integer("hidden", self.hidden, 1))
        object.__setattr__(self, "activation", _elementwise(self.activation))
        check_flag("use_bias", self.use_bias)

    def describe(self) -> str:
        return f"{type(self).__name__}({self.hidden})"


@EXPERTS.register("mlp")
@dataclass(frozen=True)
class MLP(_Hidden):
    """`E(x) = f(x W_in + b_in) W_out + b_out`, with `W_in` `(d, h)` and `W_out` `(h, u)`.

    Parameters
    ----------
    hidden : int
        Width h of the hidden layer.
    activation : str
        f, by name.
    use_bias : bool
        Whether there is a `b_in`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is no integer, or `use_bias` no flag.

    References
    ----------
    Fedus, Zoph, Shazeer 2022, "Switch Transformers", section 2.
    """

    kind: ClassVar[str] = "mlp"


@EXPERTS.register("glu")
@dataclass(frozen=True)
class GLU(_Hidden):
    """`E(x) = (f(x W_gate + b_gate) * (x W_value + b_value)) W_out + b_out`, a gated MLP.

    With `activation="silu"` this is SwiGLU, with `"gelu"` GEGLU, with `"relu"` ReGLU, with
    `"linear"` the bilinear form, and with `"sigmoid"` the first GLU.

    Parameters
    ----------
    hidden : int
        Width h of both hidden products.
    activation : str
        f, by name.
    use_bias : bool
        Whether there are `b_gate` and `b_value`.

    Raises
    ------
    ValueError
        `hidden` is below 1, or the activation is unknown or a softmax.
    TypeError
        `hidden` is no integer, or `use_bias` no flag.

    References
    ----------
    Shazeer 2020, "GLU variants improve Transformer", equations 5 and 6.
    """

    activation: str = "silu"
    use_bias: bool = False

    kind: ClassVar[str] = "glu"


def _elementwise(activation: str | None) -> str:
    """The activation's name; softmax is refused, for an expert's own values are no distribution."""
    name = activations.get(activation)
    if name == "softmax":
        raise ValueError("activation: expected an elementwise one inside an expert, got 'softmax'")
    return name
