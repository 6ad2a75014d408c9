"""Load statistics of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles, Indices


@dataclass(frozen=True)
class ExpertLoad:
    """Rows that each of E experts received, and statistics of their distribution.

    Attributes
    ----------
    rows : ndarray (E,), int64
        Rows assigned to each expert; a row with k experts counts k times.
    share : ndarray (E,), float64
        `rows / sum(rows)`; all 0 if there are no rows.
    entropy : float
        `-sum_i share_i log share_i` in nats: `log E` if uniform, 0 if one expert has all rows.
    coefficient_of_variation : float
        Standard deviation of `rows` divided by their mean: 0 if uniform, `sqrt(E - 1)` if one
        expert has all rows.
    dead : ndarray, int64
        Indices of the experts that received no row.
    """

    rows: Indices
    share: Doubles
    entropy: float
    coefficient_of_variation: float
    dead: Indices

    @classmethod
    def from_rows(cls, rows: npt.ArrayLike) -> ExpertLoad:
        """The statistics for row counts `(E,)`."""
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
