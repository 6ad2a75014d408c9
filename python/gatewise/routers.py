"""How a row finds its experts. Each class is the description of a native router.

A new one takes a C++ file that registers its kind, a class here, and a test.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise import initializers
from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.initializers import Initializer


@dataclass(frozen=True)
class Router(Configurable):
    """Gives each row `(d,)` its experts and the weight of each in the combined output."""

    kind: ClassVar[str]
    chooses: ClassVar[bool] = True
    """Whether rows go to a part of the experts, so that a load can be balanced."""

    def with_k(self, k: int) -> Self:
        """This router with the layer's `k`, if a k is missing here."""
        return self

    def experts_per_row(self, num_experts: int) -> int | None:
        """How many experts a row goes to; None where that varies by row."""
        return num_experts

    def check(self, num_experts: int) -> None:
        """Refuses, by ValueError, a number of experts that the router cannot serve."""

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        """How one of the router's own arrays starts."""
        return initializers.GlorotUniform()

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        names = [field.name for field in dataclasses.fields(self)]
        settings = {f"router.{name}": getattr(self, name) for name in names}
        return {"router.kind": self.kind, **settings}


ROUTERS: Registry[Router] = Registry("router", Router)


def get(identifier: object, argument: str = "router") -> Router:
    """The router that a name, a configuration or an instance means."""
    return ROUTERS.get(identifier, argument)


@dataclass(frozen=True)
class _Choosing(Router):
    """A router that keeps `k` experts for each row; k is the layer's unless given here."""

    k: int | None = None

    def __post_init__(self) -> None:
        if self.k is not None:
            object.__setattr__(self, "k", check_integer("k", self.k, 1))

    def with_k(self, k: int) -> Self:
        return dataclasses.replace(self, k=k) if self.k is None else self

    def experts_per_row(self, num_experts: int) -> int | None:
        return self.k

    def check(self, num_experts: int) -> None:
        if self.k is None or self.k > num_experts:
            raise ValueError(f"k: expected 1 <= k <= num_experts ({num_experts}), got {self.k}")


@ROUTERS.register("top_k")
@dataclass(frozen=True)
class TopK(_Choosing):
    """The k experts of highest score `s = x W_r`, weighted by a softmax.

    Over all experts, `w_i = exp(s_i) / sum_j exp(s_j)`, divided by the sum of the kept where
    `normalize`; over the chosen ones, the sum runs over those alone, and the weights add up to 1
    anyway. Equal scores go to the lower index.

    Parameters
    ----------
    k : int, optional
        Experts kept per row; the layer's `k` unless given.
    normalize : bool
        Whether a row's weights add up to 1. With k = 1 the one weight is then always 1 and the
        router learns from balance terms only: `Switch` is the router for that.
    over : {"all", "chosen"}
        Which scores the softmax sees.

    Raises
    ------
    ValueError
        k is below 1, or `over` is neither.
    TypeError
        k is no integer, or `normalize` no flag.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks", equations 3 and 5 (over the chosen);
    Lepikhin et al. 2021, "GShard", algorithm 1 (over all, normalised).
    """

    normalize: bool = True
    over: str = "all"

    kind: ClassVar[str] = "top_k"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("normalize", self.normalize)
        if self.over not in ("all", "chosen"):
            raise ValueError(f"over: expected 'all' or 'chosen', got {self.over!r}")


@ROUTERS.register("switch")
@dataclass(frozen=True)
class Switch(Router):
    """The one expert of highest score, weighted by its softmax over all.

    `w = max_i softmax(x W_r)_i`; the weight stays below 1, so the router has a gradient.

    References
    ----------
    Fedus, Zoph, Shazeer 2022, "Switch Transformers", equations 1 and 2 with k = 1.
    """

    kind: ClassVar[str] = "switch"

    def experts_per_row(self, num_experts: int) -> int | None:
        return 1


@ROUTERS.register("noisy_top_k")
@dataclass(frozen=True)
class NoisyTopK(_Choosing):
    """The k experts of highest noisy score, weighted by the softmax over the kept.

    `h = x W_r + N(0, 1) softplus(x W_n)`. The noise is drawn in training only; `W_n` starts at 0.

    Parameters
    ----------
    k : int, optional
        Experts kept per row; the layer's `k` unless given.

    Raises
    ------
    ValueError
        k is below 1.
    TypeError
        k is no integer.

    References
    ----------
    Shazeer et al. 2017, "Outrageously large neural networks", equations 3 to 5.
    """

    kind: ClassVar[str] = "noisy_top_k"

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        if parameter == "router_noise_kernel":
            return initializers.Zeros()
        return super().initializer(parameter, num_experts)


@ROUTERS.register("sigmoid_top_k")
@dataclass(frozen=True)
class SigmoidTopK(_Choosing):
    """The k experts of highest affinity `a_i = sigmoid((x W_r)_i)`, weighted by it.

    Affinities do not compete as a softmax's do, which suits many experts and `balance.Bias`.

    Parameters
    ----------
    k : int, optional
        Experts kept per row; the layer's `k` unless given.
    normalize : bool
        Whether a row's weights are divided by their sum.

    Raises
    ------
    ValueError
        k is below 1.
    TypeError
        k is no integer, or `normalize` no flag.

    References
    ----------
    DeepSeek-AI 2024, "DeepSeek-V3 technical report", equations 13 to 15.
    """

    normalize: bool = True

    kind: ClassVar[str] = "sigmoid_top_k"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("normalize", self.normalize)


@ROUTERS.register("all")
@dataclass(frozen=True)
class All(Router):
    """Every expert with weight 1: `y = sum_i E_i(x)`.

    Parameters
    ----------
    shared_bias : bool
        One bias for the sum in place of one per expert: `y = sum_i W_i x + b`.

    Raises
    ------
    TypeError
        `shared_bias` is no flag.
    """

    shared_bias: bool = False

    kind: ClassVar[str] = "all"
    chooses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("shared_bias", self.shared_bias)


@ROUTERS.register("static")
@dataclass(frozen=True)
class Static(Router):
    """Every expert, with a learned weight that is the same for every row.

    `y = sum_i alpha_i E_i(x)`.

    Parameters
    ----------
    constraint : {"free", "non_negative", "simplex"}
        What alpha may be: anything; nothing below 0; or nothing below 0 with sum 1, as the softmax
        of the stored numbers. All start at the mean, 1/E each.
    shared_bias : bool
        One bias for the sum in place of one per expert: `y = sum_i alpha_i W_i x + b`.

    Raises
    ------
    ValueError
        The constraint is none of the three.
    TypeError
        `shared_bias` is no flag.

    References
    ----------
    Breiman 1996, "Stacked regressions", section 3, on combining with non-negative weights.
    """

    constraint: str = "free"
    shared_bias: bool = False

    kind: ClassVar[str] = "static"
    chooses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("shared_bias", self.shared_bias)
        if self.constraint not in ("free", "non_negative", "simplex"):
            raise ValueError(
                f"constraint: expected 'free', 'non_negative' or 'simplex', got {self.constraint!r}"
            )

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        if self.constraint == "simplex":
            return initializers.Zeros()
        return initializers.Constant(1 / num_experts)
