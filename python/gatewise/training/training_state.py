"""What training keeps of a model from call to call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewise.training.trainer_lock import TrainerLock

if TYPE_CHECKING:
    from gatewise import _core
    from gatewise.data import Signature
    from gatewise.training.compile_settings import CompileSettings
    from gatewise.training.compiled import Resolved


@dataclass(eq=False, repr=False)
class TrainingState:
    """What `compile` set, and the core's objects that follow from it.

    Attributes
    ----------
    seed : int or None
        Decides first weights and shuffles; None before the model is built.
    network : Network or None
        The model's graph in the core; None before the model is built.
    settings : CompileSettings or None
        The arguments of `compile`.
    resolved : Resolved or None
        Losses and metrics of the outputs of `resolved_network`.
    trainer : Trainer or None
        The core's trainer of `trained_network`.
    previous_trainer : Trainer or None
        The one before the last `compile`, if the next goes on with its optimizer state.
    signature : Signature or None
        Names and shapes of inputs, outputs and targets, once `fit` or `evaluate` needed them.
    outputs_checked : bool
        Whether `fit` has checked if outputs are probabilities.
    mean_over_counted : bool
        Whether a loss is a mean over the rows of nonzero weight; else over all rows, as in Keras.
    unsaid : list of str
        What was set and not given, until `fit` has shown it.
    lock : TrainerLock
        Who may use the trainer.

    Notes
    -----
    A layer that is added makes another network: `resolved` and `trainer` are those of the network
    beside them, and are made again for another one.
    """

    seed: int | None = None
    network: _core.Network | None = None
    settings: CompileSettings | None = None
    resolved: Resolved | None = None
    resolved_network: _core.Network | None = None
    trainer: _core.Trainer | None = None
    trained_network: _core.Network | None = None
    previous_trainer: _core.Trainer | None = None
    signature: Signature | None = None
    outputs_checked: bool = False
    mean_over_counted: bool = False
    unsaid: list[str] = field(default_factory=list)
    lock: TrainerLock = field(default_factory=TrainerLock)

    def compile(self, settings: CompileSettings, resolved: Resolved | None) -> None:
        """Takes what `compile` was given; drops the trainer.

        Its optimizer state is kept for the next one if the optimizer is the same object.
        """
        is_same = self.settings is not None and self.settings.optimizer is settings.optimizer
        self.previous_trainer = self.current_trainer() if is_same else None
        self.settings, self.resolved = settings, resolved
        self.resolved_network = self.network
        self.signature = None
        self.trainer = None
        self.outputs_checked = False

    def continue_optimizer(self) -> None:
        """Gives the new trainer the optimizer state that `compile` kept, if its arrays fit."""
        before, self.previous_trainer = self.previous_trainer, None
        assert self.trainer is not None
        if before is None:
            return
        kept, own = before.state(), self.trainer.state()
        if {name: array.shape for name, array in kept.items()} == {
            name: array.shape for name, array in own.items()
        }:
            self.trainer.set_state(kept)

    def current_trainer(self) -> _core.Trainer | None:
        """The trainer, if it is one of the current network."""
        return self.trainer if self.trained_network is self.network else None
