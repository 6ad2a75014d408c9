"""Balance terms, which spread rows over experts. Each class describes a term of the core.

A layer takes one term, or a list of different ones: `balance=[AuxLoss(0.01), ZLoss()]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_number
from gatewise.utils.public_names import public_names


class Balance(Configurable):
    """A loss or rule that spreads rows over experts during training."""

    kind: ClassVar[str]
    is_loss: ClassVar[bool] = True
    """Whether it is added to the training loss."""

    def strength(self) -> float:
        """The term's weight or rate; 0 turns it off."""
        return float(next(iter(self.get_config().values())))


BALANCES: Registry[Balance] = Registry("balance", Balance)


def get(identifier: object, argument: str = "balance") -> tuple[Balance, ...]:
    """The terms given by None, by a name, configuration or instance, or by a sequence of them.

    Raises
    ------
    ValueError
        A name is unknown, or two terms are of the same kind.
    TypeError
        `identifier` is none of these.
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
    """The strength of every known term, keyed by the core's option names."""
    options: NativeOptions = {f"balance.{kind}": 0.0 for kind in BALANCES.names()}
    return options | {f"balance.{term.kind}": term.strength() for term in terms}


@BALANCES.register("aux_loss")
@dataclass(frozen=True, eq=False, repr=False)
class AuxLoss(Balance):
    """Adds `weight * E * sum_i f_i P_i` to the loss.

    `f_i` is the fraction of the batch's assignments that expert i received. `P_i` is the mean over
    rows of its score, where each row's scores are divided by their sum. The loss is smallest when
    both are uniform.

    Parameters
    ----------
    weight : float
        At least 0; 0.01 by default, as in the paper.

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
        At least 0; 0.001 by default, as in the paper.

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
    """Adds a load-dependent bias to each expert's score, for the choice of experts only.

    After each training step `b_i <- b_i + rate * sign(mean_j c_j - c_i)`, where `c_i` is the count
    of rows that expert i received. The experts' weights in the output ignore the bias, so it does
    not affect gradients.

    Parameters
    ----------
    rate : float
        At least 0; 0.001 by default, as in the papers.

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
    is_loss: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_number("rate", self.rate, 0)


def __dir__() -> list[str]:
    return public_names(globals())
