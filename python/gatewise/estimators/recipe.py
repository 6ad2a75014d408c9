"""Model and training of the estimators: sizes, rates and epochs for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gatewise import experts, optimizers, routers
from gatewise.models import SparseExpertModel

_RATE, _RATE_WIDTH = 0.01, 64
"""Peak rate, lowered by `sqrt(_RATE_WIDTH / d)` for wider rows."""
_WARM_UP = 0.05
_SINGLE_PASS_RATE = 0.1
"""Rate of `partial_fit` as a fraction of the peak."""
_MIN_STEPS = 1500
_MAX_EPOCHS, _MIN_EPOCHS = 400, 40
_BATCH = 64


@dataclass(frozen=True)
class Recipe:
    """AdamW whose rate rises to a peak and falls to 0 by a cosine."""

    settings: Any
    batch_size: int
    epochs: int

    @classmethod
    def of(cls, estimator: Any, rows: int) -> Recipe:
        """The recipe for a table of so many rows."""
        size = estimator.batch_size
        size = _BATCH if size == "auto" else int(size)
        size = max(1, min(size, rows))
        epochs = estimator.max_iter
        if epochs == "auto":
            steps = -(-rows // size)
            epochs = min(_MAX_EPOCHS, max(_MIN_EPOCHS, -(-_MIN_STEPS // steps)))
        return cls(estimator, size, int(epochs))

    def build(self, width: int, is_sparse: bool, targets: Any) -> SparseExpertModel:
        """A model for rows of `width` inputs; scaling by members takes no sparse rows."""
        settings = self.settings
        return SparseExpertModel(
            settings.num_experts,
            width,
            targets.outputs,
            settings.k,
            experts.MLP(settings.hidden_units),
            expert_units=settings.hidden_units,
            activation=targets.activation or "linear",
            score=routers.TopK(scale=None, initial_scale=0.01, noise=1.0, noise_steps=100),
            balance=settings.balance,
            members=settings.members,
            share_experts=not is_sparse,
        )

    def compile(self, model: Any, targets: Any, width: int, rows: int) -> None:
        """Compiles for `epochs` epochs of the rows."""
        steps = self.epochs * -(-rows // self.batch_size)
        warm_up = round(_WARM_UP * steps)
        rate = optimizers.schedules.CosineDecay(
            0.0, steps - warm_up, warmup_target=self._peak(width), warmup_steps=warm_up
        )
        self._compile(model, targets, rate)

    def compile_for_single_passes(self, model: Any, targets: Any) -> None:
        """Compiles for `partial_fit`, with a constant rate."""
        self._compile(model, targets, _SINGLE_PASS_RATE * self._peak(model.input_shape[-1]))

    def _compile(self, model: Any, targets: Any, rate: Any) -> None:
        decay = self.settings.weight_decay
        optimizer = optimizers.AdamW(rate, weight_decay=decay)
        model.compile(optimizer, targets.loss, metrics=list(targets.metrics))

    def _peak(self, width: int) -> float:
        rate = self.settings.learning_rate
        if rate != "auto":
            return float(rate)
        peak: float = _RATE * min(1.0, (_RATE_WIDTH / width) ** 0.5)
        return peak
