"""What keeps rows spread over the experts. Each class is the description of a native term.

A layer takes one term, or a list of different ones: `balance=[AuxLoss(0.01), ZLoss()]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_number


class Balance(Configurable):
    """A term that acts on a router's choices during training."""

    kind: ClassVar[str]

    def strength(self) -> float:
        """The term's one number, 0 for off."""
        return float(next(iter(self.get_config().values())))


BALANCES: Registry[Balance] = Registry("balance", Balance)


def get(identifier: object, argument: str = "balance") -> tuple[Balance, ...]:
    """The terms meant by None, by one name, configuration or instance, or by a sequence of them.

    Raises
    ------
    ValueError
        A name is unknown, or two terms are of one kind.
    TypeError
        It is none of these.
    """
    if identifier is None:
        return ()
    is_sequence = isinstance(identifier, Sequence) and not isinstance(identifier, str)
    each = identifier if is_sequence else [identifier]
    terms = tuple(BALANCES.get(term, argument) for term in each)  # type: ignore[attr-defined]
    kinds = [term.kind for term in terms]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise ValueError(f"{argument}: expected terms of different kinds, got {kind} twice")
    return terms


def native_options(terms: tuple[Balance, ...]) -> NativeOptions:
    """The strength of every known term under the names that the core reads."""
    options: NativeOptions = {f"balance.{kind}": 0.0 for kind in BALANCES.names()}
    return options | {f"balance.{term.kind}": term.strength() for term in terms}


@BALANCES.register("aux_loss")
@dataclass(frozen=True, eq=False, repr=False)
class AuxLoss(Balance):
    """Adds `weight * E * sum_i f_i P_i` to the loss.

    `f_i` is the share of the batch's choices that went to expert i and `P_i` the mean
    over rows of its score, a row's scores divided by their sum; the product is least when both are
    even.

    Parameters
    ----------
    weight : float
        At least 0; the paper's 0.01 unless given.

    Raises
    ------
    ValueError
        The weight is negative or not finite.

    References
    ----------
    Fedus, Zoph, Shazeer 2022, "Switch Transformers", equations 4 to 6.
    """

    weight: float = 0.01

    kind: ClassVar[str] = "aux_loss"

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0)


@BALANCES.register("z_loss")
@dataclass(frozen=True, eq=False, repr=False)
class ZLoss(Balance):
    """Adds `weight * mean_n (log sum_i exp s_ni)^2` to the loss, which keeps scores small.

    Parameters
    ----------
    weight : float
        At least 0; the paper's 0.001 unless given.

    Raises
    ------
    ValueError
        The weight is negative or not finite.

    References
    ----------
    Zoph et al. 2022, "ST-MoE: designing stable and transferable sparse expert models", equation 5.
    """

    weight: float = 1e-3

    kind: ClassVar[str] = "z_loss"

    def __post_init__(self) -> None:
        check_number("weight", self.weight, 0)


@BALANCES.register("bias")
@dataclass(frozen=True, eq=False, repr=False)
class Bias(Balance):
    """Adds to each expert's score, for the choice alone, a bias that follows its load.

    After a training step `b_i <- b_i + rate * sign(mean_j c_j - c_i)`, `c_i` being the rows that
    expert i got. Weights in the output ignore the bias, so no gradient is disturbed.

    Parameters
    ----------
    rate : float
        At least 0; the papers' 0.001 unless given.

    Raises
    ------
    ValueError
        The rate is negative or not finite.

    References
    ----------
    Wang et al. 2024, "Auxiliary-loss-free load balancing strategy for mixture-of-experts",
    algorithm 1; DeepSeek-AI 2024, "DeepSeek-V3 technical report", equation 16.
    """

    rate: float = 1e-3

    kind: ClassVar[str] = "bias"

    def __post_init__(self) -> None:
        check_number("rate", self.rate, 0)
