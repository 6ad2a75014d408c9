"""Activations with an L1 penalty: its weight, or the sparsity that training finds one for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gatewise.registry import NativeOptions
from gatewise.sae.code_activation import CodeActivation
from gatewise.utils.checks import check_number

if TYPE_CHECKING:
    from typing_extensions import Self

FIRST_WEIGHT = 0.05
"""The weight from which `l1="auto"` starts, times the width of a row: about a twentieth of where it
ends, so that latents learn before it presses them."""


def default_l0(latents: int) -> int:
    """Active latents per row of a code of `latents`, where nothing is given."""
    return min(32, max(1, latents // 8))


class L1Activation(CodeActivation):
    """Base of the activations whose fields `l1` and `target_l0` set an L1 penalty."""

    l1: float | str | None
    target_l0: float | None
    sparser: ClassVar[str] = 'l1="auto", more epochs, or a larger l1'

    def __post_init__(self) -> None:
        l1, target = self.l1, self.target_l0
        if isinstance(l1, str) and l1 != "auto":
            raise ValueError(f"l1: expected a number, 'auto' or None, got {l1!r}")
        if target is not None:
            target = check_positive("target_l0", target)
            if l1 != "auto":
                raise ValueError(f"target_l0: expected None with l1={l1!r}, got {target:g}")
        if l1 is not None and not isinstance(l1, str):
            l1 = check_number("l1", l1, 0)
        self._set(l1=l1, target_l0=target)

    def native_options(self) -> NativeOptions:
        fixed = 0.0 if self.l1 is None or isinstance(self.l1, str) else self.l1
        penalty = {"activation.l1": fixed, "activation.target_l0": self.target_l0 or 0.0}
        return {**super().native_options(), **penalty}

    def resolved(self, latents: int, stack: bool = False) -> Self:
        if self.l1 != "auto" or (self.target_l0 is not None and not stack):
            return self
        if not stack:
            target = float(default_l0(latents))
            return self.from_config({**self.get_config(), "target_l0": target})
        if self.target_l0 is not None:
            kind = type(self).__name__
            raise ValueError(f"target_l0: expected None with {kind} in a stack; give l1")
        return self.from_config({**self.get_config(), "l1": 0.0})


def check_positive(name: str, value: object) -> float:
    """`value` as a float above 0."""
    number = check_number(name, value, 0)
    if number == 0:
        raise ValueError(f"{name}: expected a number above 0, got {value!r}")
    return number
