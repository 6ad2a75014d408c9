"""Load statistics of experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise.utils import html

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles, Indices

_BAR_CELLS = 20


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

    def _repr_html_(self) -> str:
        largest = self.share.max() or 1.0
        lines = []
        for expert, (rows, share) in enumerate(zip(self.rows, self.share, strict=True)):
            bar = "\u2588" * round(_BAR_CELLS * share / largest)
            lines.append((str(expert), f"{rows:,}", f"{share:.1%}", bar))
        measures = (
            f"entropy {self.entropy:.3f} of {np.log(len(self.rows)):.3f}, coefficient of variation "
            f"{self.coefficient_of_variation:.2f}, dead experts: {len(self.dead)}"
        )
        table = html.table(("expert", "rows", "share", ""), lines, left=(0, 3))
        return table + html.paragraph(measures)
