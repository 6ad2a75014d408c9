"""What callbacks ask of a model and of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import numpy.typing as npt

    from gatewise._core import Floats
    from gatewise.optimizers import Optimizer

Direction: TypeAlias = Literal["up", "down"]
"""Which way of a loss or metric is better."""


class TrainedModel(Protocol):
    """A model as a callback sees it."""

    name: str
    stop_training: bool
    stop_evaluating: bool
    stop_predicting: bool
    history: Any

    @property
    def layers(self) -> list[Any]: ...
    @property
    def optimizer(self) -> Optimizer: ...
    def metric_directions(self) -> dict[str, Direction | None]: ...
    def get_weights(self) -> list[Floats]: ...
    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None: ...
    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None: ...
    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None: ...


class Run(Protocol):
    """A call of `fit` as a callback sees it."""

    @property
    def seed(self) -> int:
        """The model's seed, which decides shuffles."""

    @property
    def validates(self) -> bool:
        """Whether there is a validation after some epochs."""

    def store(self, path: Path) -> None:
        """Writes a checkpoint of the run."""

    def restore(self, path: Path) -> None:
        """Continues from a checkpoint."""
