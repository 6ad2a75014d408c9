"""Dead units of a code: units that no training row has activated for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.sae.code_activation import CodeActivation

if TYPE_CHECKING:
    from gatewise._core import Indices

_MIN_ACTIVATIONS = 20
"""Mean activations per unit in the window: in fewer rows, a live unit may be inactive by chance."""
_MIN_DEAD_FRACTION = 0.1
"""Fraction of dead units from which `fit` warns; a few are normal."""


class DeadUnitsWarning(UserWarning):
    """A tenth or more of an autoencoder's code units are dead: they learn nothing."""


def dead_window(rows: int, latents: int, activation: CodeActivation) -> int:
    """Rows without activity after which a unit is dead: `max(rows, 20 m / k)`.

    `rows` are those of an epoch; k is 1 for an activation without k.
    """
    active = getattr(activation, "k", 1)
    return max(rows, _MIN_ACTIVATIONS * latents // active)


def dead_units(layer: Any, rows: int) -> Indices:
    """The units of a code layer that were inactive in all of the last `rows` training rows."""
    return np.flatnonzero(layer.native.get("rows_since_active") >= rows).astype(np.int64)


def describe_dead(name: str, dead: Indices, latents: int, rows: int, hint: str) -> str | None:
    """The warning about dead units, with a further hint; None below a tenth of all units."""
    if len(dead) < _MIN_DEAD_FRACTION * latents:
        return None
    shown = ", ".join(map(str, dead[:8])) + (", ..." if len(dead) > 8 else "")
    return (
        f"{name}: {len(dead)} of {latents} code units were active in none of the last {rows} "
        f"training rows ({shown}): they learn nothing. Try {hint}a lower learning rate, penalty or "
        "threshold, or fewer units"
    )
