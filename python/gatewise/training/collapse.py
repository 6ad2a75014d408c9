"""A warning when a router sends its rows to few of its experts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from gatewise.layers.expert_load import ExpertLoad

# Fewer rows than this for each expert say little: a random router leaves some out too.
_ROWS_PER_EXPERT = 20


class RoutingCollapseWarning(UserWarning):
    """A router used few of its experts during an epoch: the others learn nothing."""


def describe_collapse(name: str, load: ExpertLoad) -> str | None:
    """What to tell the user about a layer's load in one epoch; None if its experts are in use.

    The load counts as collapsed if an expert got no row at all, or if the rows are spread as thinly
    as over less than half of the experts: `exp(H) < E / 2`, `H` the entropy of the shares.

    Parameters
    ----------
    name : str
        The layer's name.
    load : ExpertLoad
        `rows`: how many rows each expert got.
    """
    rows = np.asarray(load.rows, dtype=np.float64)
    experts, total = len(rows), rows.sum()
    if experts < 2 or total < _ROWS_PER_EXPERT * experts:
        return None
    share = rows / total
    dead = np.flatnonzero(rows == 0)
    used = share[share > 0]
    effective = math.exp(-float((used * np.log(used)).sum()))
    if not len(dead) and effective >= experts / 2:
        return None
    largest = int(share.argmax())
    return (
        f"{name}: routing has collapsed: expert {largest} got {share[largest]:.0%} of the rows "
        f"(an even share is {1 / experts:.0%}), {_describe_dead(dead, experts)}. Try "
        "balance=gatewise.balance.AuxLoss() with a greater weight, gatewise.balance.Bias(), "
        "a lower learning rate, or fewer experts"
    )


def _describe_dead(dead: npt.NDArray[np.intp], experts: int) -> str:
    if not len(dead):
        return "every expert got some"
    shown = ", ".join(str(expert) for expert in dead[:8]) + (", ..." if len(dead) > 8 else "")
    return f"{len(dead)} of {experts} experts got none ({shown})"
