"""A warning where codes that should be sparse are not."""

from __future__ import annotations

from gatewise.sae.code_activation import CodeActivation

_MAX_ACTIVE_FRACTION = 0.25


class DenseCodesWarning(UserWarning):
    """More than a quarter of a dictionary's latents are active in a row: the code is not sparse."""


def describe_dense(
    name: str, activation: CodeActivation, latents: int, active: float
) -> str | None:
    """The warning about codes with `active` latents per row; None if they are sparse."""
    if active <= _MAX_ACTIVE_FRACTION * latents:
        return None
    return (
        f"{name}: {active:.0f} of {latents} latents are active in a row: the code is not sparse. "
        f"Try {activation.sparser}"
    )
