"""Units of a code that no row makes active any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.sae.activations import CodeActivation

if TYPE_CHECKING:
    from gatewise._core import Indices

_MIN_ACTIVATIONS = 20
"""Fewer rows than would make each unit active so often, evenly, say little: any may be left out."""
_MIN_DEAD_FRACTION = 0.1
"""A few dead units are usual."""


class DeadUnitsWarning(UserWarning):
    """A tenth of an autoencoder's units or more are active in no row: they learn nothing."""


def dead_window(rows: int, latents: int, activation: CodeActivation) -> int:
    """Rows without activity after which a unit counts as dead: an epoch's `rows` or more."""
    active = getattr(activation, "k", 1)
    return max(rows, _MIN_ACTIVATIONS * latents // active)


def dead_units(layer: Any, rows: int) -> Indices:
    """The units of a code's layer that were active in none of the last `rows` training rows."""
    return np.flatnonzero(layer.native.get("idle_rows") >= rows).astype(np.int64)


def describe_dead(name: str, dead: Indices, latents: int, rows: int, hint: str) -> str | None:
    """What to tell the user of dead units, with a hint of the form's; None where they are few."""
    if len(dead) < _MIN_DEAD_FRACTION * latents:
        return None
    shown = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
    return (
        f"{name}: {len(dead)} of {latents} code units were active in none of the last {rows} "
        f"training rows ({shown}): they learn nothing. Try {hint}a lower learning rate, penalty or "
        "threshold, or fewer units"
    )
