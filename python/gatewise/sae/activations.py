"""Which latents of a row are active. Each class describes a choice that the core makes."""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_integer


@dataclass(frozen=True)
class CodeActivation(Configurable):
    """From a row's pre-activations to its sparse code."""

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        raise TypeError(f"activation: expected one of {', '.join(CODE_ACTIVATIONS.names())}")

    def check(self, latents: int) -> None:
        """Refuses, by ValueError, a dictionary of a size that the settings do not fit."""


CODE_ACTIVATIONS: Registry[CodeActivation] = Registry("activation", CodeActivation)


def get(identifier: object) -> CodeActivation:
    """The activation that a name, a configuration or an instance means."""
    return CODE_ACTIVATIONS.get(identifier, "activation")


@CODE_ACTIVATIONS.register("top_k")
@dataclass(frozen=True)
class TopK(CodeActivation):
    """`z = ReLU(TopK(h))`: the k largest pre-activations of a row, those above 0 of them.

    Of equal ones the lowest latents are taken.

    Parameters
    ----------
    k : int
        Latents a row may have, from 1 to their number.

    Raises
    ------
    ValueError
        k is out of range.

    References
    ----------
    Makhzani, Frey 2014, "k-sparse autoencoders", algorithm 1; Gao et al. 2024, "Scaling and
    evaluating sparse autoencoders", section 2.3.
    """

    k: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", check_integer("k", self.k, 1))

    def native_options(self) -> NativeOptions:
        return {"k": self.k}

    def check(self, latents: int) -> None:
        if self.k > latents:
            raise ValueError(f"k: expected 1 <= k <= latents ({latents}), got {self.k}")
