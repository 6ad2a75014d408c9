"""How evenly rows are spread over experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles, Indices


@dataclass(frozen=True)
class ExpertLoad:
    """Rows that each of E experts got, and what that says.

    Attributes
    ----------
    rows : ndarray (E,), int64
        Rows sent to each expert; a row that goes to k experts counts k times.
    share : ndarray (E,), float64
        `rows / sum(rows)`; zeros where no row came.
    entropy : float
        `-sum_i share_i log share_i` in nats: `log E` when even, 0 when one expert gets all.
    coefficient_of_variation : float
        Standard deviation of `rows` over their mean: 0 when even, `sqrt(E - 1)` when one gets all.
    dead : ndarray, int64
        The experts that got no row.
    """

    rows: Indices
    share: Doubles
    entropy: float
    coefficient_of_variation: float
    dead: Indices

    @classmethod
    def from_rows(cls, rows: npt.ArrayLike) -> ExpertLoad:
        """The load of experts that got so many rows each."""
        counts = np.asarray(rows, np.int64)
        total = int(counts.sum())
        share = counts / max(total, 1)
        present = share[share > 0]
        return cls(
            rows=counts,
            share=share,
            entropy=float(-(present * np.log(present)).sum()) + 0.0,
            coefficient_of_variation=float(share.std() * len(counts)),
            dead=np.flatnonzero(counts == 0),
        )
