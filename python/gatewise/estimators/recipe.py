"""Models and trainings of the estimators: sizes, rates and epochs for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gatewise import experts, optimizers, routers
from gatewise.models import SparseExpertModel
from gatewise.utils.checks import check_integer, check_number

_RATE, _RATE_WIDTH = 0.01, 64
"""Peak rate, lowered by `sqrt(_RATE_WIDTH / d)` for wider rows."""
_WARM_UP = 0.05
_SINGLE_PASS_RATE = 0.1
"""Rate of `partial_fit` as a fraction of the peak."""
_WIDE = 200
"""Rows of more inputs are wide: members have experts of their own, and there are few epochs."""
_K, _HIDDEN, _WIDE_K, _WIDE_HIDDEN = 2, 64, 4, 32
_FEW_ROWS, _MANY_ROWS = 1000, 5000
_BATCH = 64
"""Rows of a step; doubled with the table beyond `_MANY_ROWS`."""
_MAX_BATCH = 1024
_MIN_EPOCHS, _WIDE_EPOCHS, _MAX_EPOCHS = 28, 20, 400


@dataclass(frozen=True)
class Recipe:
    """AdamW whose rate rises to a peak and falls to 0 by a cosine, for one table.

    Attributes
    ----------
    settings : estimator
        Its parameters; "auto" is decided here.
    width : int
        Inputs of a row.
    is_sparse : bool
        Whether rows are CSR.
    rows : int
        Rows to train on.
    """

    settings: Any
    width: int
    is_sparse: bool
    rows: int

    @property
    def is_wide(self) -> bool:
        return self.is_sparse or self.width > _WIDE

    @property
    def k(self) -> int:
        """Experts of a row."""
        given = self.settings.k
        if given != "auto":
            return check_integer("k", given, 1)
        return min(_WIDE_K if self.is_wide else _K, int(self.settings.num_experts))

    @property
    def hidden_units(self) -> int:
        """Hidden units of an expert."""
        given = self.settings.hidden_units
        if given != "auto":
            return check_integer("hidden_units", given, 1)
        return _WIDE_HIDDEN if self.is_wide else _HIDDEN

    @property
    def n_estimators(self) -> int:
        """Ensembles: four for few rows, two for more, one for wide rows."""
        given = self.settings.n_estimators
        if given != "auto":
            return check_integer("n_estimators", given, 1)
        if self.rows < _FEW_ROWS:
            return 4
        return 1 if self.is_wide else 2

    @property
    def batch_size(self) -> int:
        given = self.settings.batch_size
        if given != "auto":
            return min(check_integer("batch_size", given, 1), self.rows)
        size = 2 * _BATCH if self.is_wide else _BATCH
        while size < _MAX_BATCH and self.rows * _BATCH > _MANY_ROWS * size:
            size *= 2
        return min(size, self.rows)

    @property
    def epochs(self) -> int:
        """Epochs: enough for 1,500 to 3,000 steps, or 500 of wide rows."""
        given = self.settings.max_iter
        if given != "auto":
            return check_integer("max_iter", given, 1)
        steps = -(-self.rows // self.batch_size)
        epochs = _WIDE_EPOCHS if self.is_wide else _MIN_EPOCHS
        return min(_MAX_EPOCHS, max(epochs, -(-self._least_steps() // steps)))

    def _least_steps(self) -> int:
        if self.rows < _FEW_ROWS:
            return 1500  # of four ensembles
        if self.is_wide:
            return 500
        return 3000 if self.rows <= _MANY_ROWS else 2000  # of larger steps

    def build(self, targets: Any) -> SparseExpertModel:
        """A new ensemble; scaling by members, which lets them share experts, takes no CSR."""
        settings = self.settings
        shares = not self.is_wide if settings.share_experts == "auto" else settings.share_experts
        if shares and self.is_sparse:
            raise ValueError("share_experts: expected False or 'auto' with a sparse matrix")
        return SparseExpertModel(
            settings.num_experts,
            self.width,
            targets.outputs,
            self.k,
            experts.MLP(self.hidden_units),
            score=routers.TopK(scale=None, initial_scale=0.01, noise=1.0, noise_steps=100),
            expert_units=self.hidden_units if shares else None,
            activation=targets.activation or "linear",
            balance=settings.balance,
            members=settings.members,
            share_experts=bool(shares),
        )

    def build_all(self, targets: Any) -> list[SparseExpertModel]:
        """All new ensembles."""
        return [self.build(targets) for _ in range(self.n_estimators)]

    def compile(self, model: Any, targets: Any) -> None:
        """Compiles for `epochs` epochs of the rows."""
        steps = self.epochs * -(-self.rows // self.batch_size)
        warm_up = round(_WARM_UP * steps)
        rate = optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self._peak(), warmup_steps=warm_up
        )
        self._compile(model, targets, rate)

    def compile_for_single_passes(self, model: Any, targets: Any) -> None:
        """Compiles for `partial_fit`, with a constant rate."""
        self._compile(model, targets, _SINGLE_PASS_RATE * self._peak())

    def _compile(self, model: Any, targets: Any, rate: Any) -> None:
        decay = check_number("weight_decay", self.settings.weight_decay, 0)
        optimizer = optimizers.AdamW(rate, weight_decay=decay)
        model.compile(optimizer, targets.loss, metrics=list(targets.metrics))

    def _peak(self) -> float:
        given = self.settings.learning_rate
        if given != "auto":
            return check_number("learning_rate", given, 0)
        peak: float = _RATE * min(1.0, (_RATE_WIDTH / self.width) ** 0.5)
        return peak
