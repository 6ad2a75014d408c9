"""The settings of an L1 penalty: its weight, or the sparsity that training finds one for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from gatewise.registry import NativeOptions
from gatewise.sae.code_activation import CodeActivation
from gatewise.utils.checks import check_number

Activation = TypeVar("Activation", bound=CodeActivation)

FIRST_WEIGHT = 0.05
"""The weight from which `l1="auto"` starts, times the width of a row: a
twentieth of where it ends, so that latents learn before it presses them."""
SPARSER = 'l1="auto", more epochs, or a larger l1'
"""What to try if codes are not sparse."""


def default_l0(latents: int) -> int:
    """Active latents per row of a code of `latents`, where nothing is given."""
    return min(32, max(1, latents // 8))


def check_penalty(l1: float | str | None, target_l0: float | None) -> dict[str, object]:
    """The checked settings of an L1 penalty."""
    if isinstance(l1, str) and l1 != "auto":
        raise ValueError(f"l1: expected a number, 'auto' or None, got {l1!r}")
    if target_l0 is not None:
        target_l0 = check_positive("target_l0", target_l0)
        if l1 != "auto":
            raise ValueError(f"target_l0: expected None with l1={l1!r}, got {target_l0:g}")
    known = l1 is None or isinstance(l1, str)
    return {"l1": l1 if known else check_number("l1", l1, 0), "target_l0": target_l0}


def penalty_options(l1: float | str | None, target_l0: float | None) -> NativeOptions:
    """The settings by the names that the core reads."""
    fixed = 0.0 if l1 is None or isinstance(l1, str) else l1
    return {"activation.l1": fixed, "activation.target_l0": target_l0 or 0.0}


def resolve_penalty(activation: Activation, latents: int, stack: bool) -> Activation:
    """The activation with `l1="auto"` resolved for a code of `latents` latents.

    Raises
    ------
    ValueError
        It has a `target_l0` in a stack.
    """
    settings: Any = activation
    if settings.l1 != "auto" or (settings.target_l0 is not None and not stack):
        return activation
    if not stack:
        return replace(settings, target_l0=float(default_l0(latents)))  # type: ignore[no-any-return]
    if settings.target_l0 is not None:
        kind = type(activation).__name__
        raise ValueError(f"target_l0: expected None with {kind} in a stack; give l1")
    return replace(settings, l1=0.0)  # type: ignore[no-any-return]


def check_positive(name: str, value: object) -> float:
    """`value` as a float above 0."""
    number = check_number(name, value, 0)
    if number == 0:
        raise ValueError(f"{name}: expected a number above 0, got {value!r}")
    return number
