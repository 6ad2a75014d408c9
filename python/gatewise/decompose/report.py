"""Results of `SparseExperts.fit`."""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.utils.html import table


@dataclass(frozen=True)
class Report:
    """Scores and weight counts of the experts and of their combination.

    Attributes
    ----------
    measure : str
        Name of the score: accuracy for labels, else the fraction of variance explained.
    expert_scores : tuple of float
        Score of each expert alone on the held-out rows.
    combined_score : float
        Score of the combination on the held-out rows: alpha is fitted on one half and scored on
        the other half, and vice versa.
    alphas : tuple of float
        Weight of each expert.
    nonzero : tuple of int
        Count of nonzero weights in each expert's kernels.
    parameters : int
        Count of weights in the kernels of the ranked model.
    fused_nonzero : int
        Count of nonzero weights in the kernels of the fused model.
    seconds : dict of str to float
        Time of each step: initialise, rank, train, combine, validate.
    """

    measure: str
    expert_scores: tuple[float, ...]
    combined_score: float
    alphas: tuple[float, ...]
    nonzero: tuple[int, ...]
    parameters: int
    fused_nonzero: int
    seconds: dict[str, float]

    def _lines(self) -> list[tuple[str, str, str, str]]:
        lines = [("", f"{self.measure} held out", "alpha", "weights other than 0")]
        for at, (score, alpha, count) in enumerate(
            zip(self.expert_scores, self.alphas, self.nonzero, strict=True)
        ):
            lines.append((f"expert {at}", f"{score:.4f}", f"{alpha:.3f}", f"{count:,}"))
        share = self.fused_nonzero / self.parameters
        total = f"{self.fused_nonzero:,} of {self.parameters:,} ({share:.0%})"
        return [*lines, ("together", f"{self.combined_score:.4f}", "", total)]

    def __str__(self) -> str:
        lines = self._lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )

    def _repr_html_(self) -> str:
        heads, *lines = self._lines()
        return table(heads, lines)
