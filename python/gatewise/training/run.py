"""Where a training stands, and how that is stored and taken up again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise import _core
from gatewise.callbacks import Callback, CallbackList
from gatewise.callbacks.divergence import warn_diverged
from gatewise.io.container import read_file, reading, write_file
from gatewise.registry import Config
from gatewise.training.feed import TestFeed, TrainingFeed
from gatewise.training.loads import EpochLoads
from gatewise.training.state import restore_model, store_model
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from gatewise.training.training import Training

_CONTENT = "checkpoint"
Tensors = dict[str, npt.NDArray[Any]]


class FitRun:
    """One call of `fit`: what takes part in it, and its place in epochs and batches.

    Parameters
    ----------
    training : Training
        The model and its state.
    trainer : Trainer
        The core's trainer of the model.
    feed : TrainingFeed
        Where batches come from.
    validation : TestFeed or None
        Where validation batches come from.
    callbacks : CallbackList
        Their state is part of the run's.
    initial_epoch : int
        The first epoch's number.
    arguments : dict
        What a run that continues this one must have been called with, too.

    Attributes
    ----------
    epoch, batch : int
        The epoch under way, and how many of its batches are done.
    results : ResultSums
        The epoch's results so far.
    previous_samples_seen : int
        The samples of nonzero weight of the epoch before.
    """

    def __init__(
        self,
        training: Training,
        trainer: _core.Trainer,
        feed: TrainingFeed,
        validation: TestFeed | None,
        callbacks: CallbackList,
        initial_epoch: int,
        arguments: Config,
    ) -> None:
        self.training = training
        self.model = training.model
        self.trainer = trainer
        self.feed = feed
        self.validation = validation
        self.callbacks = callbacks
        self.loads = EpochLoads(self.model.layers)
        self.results = training.result_sums()
        self._arguments = arguments
        self._diverged = False
        self._callback_states: list[tuple[Callback, dict[str, Any]]] = []
        self.begin_epoch(initial_epoch)

    @property
    def seed(self) -> int:
        """The model's seed, which decides shuffles."""
        seed = self.training.seed
        assert seed is not None  # A built model has one.
        return seed

    @property
    def validates(self) -> bool:
        """Whether there is a validation after some epochs."""
        return self.validation is not None

    @property
    def samples_seen(self) -> int:
        """The epoch's samples of nonzero weight so far."""
        return math.ceil(self.results.counted)

    def begin_epoch(self, epoch: int) -> None:
        """Stands before the first batch of an epoch."""
        self.epoch = epoch
        self.batch = 0
        self.previous_samples_seen = self.samples_seen
        self.results = self.training.result_sums()

    def add(self, values: list[float], samples: int) -> None:
        """Counts a step and its results."""
        self.results.add(values, samples)
        if not self._diverged and not math.isfinite(values[0]):
            self._diverged = True
            warn_diverged(values[0], self.epoch, self.batch)
        self.batch += 1

    def logs(self) -> dict[str, Any]:
        """The epoch's means so far, weighted by the samples of each batch."""
        return self.results.logs() if self.batch else {}

    def store(self, path: Path) -> None:
        """Writes all that `restore` needs to one file, whole or not at all."""
        tensors: Tensors = {}
        states = []
        for index, callback in enumerate(self.callbacks.callbacks):
            plain: Config = {}
            for key, value in callback.get_state().items():
                if isinstance(value, np.ndarray):
                    tensors[f"callback.{index}.{key}"] = value
                else:
                    plain[key] = value
            states.append({"class_name": type(callback).__name__, "state": plain})
        loads = self.loads.get_state()
        tensors.update({f"load.{index}": rows for index, rows in enumerate(loads)})
        if self.batch and self.results.objects is not None:
            tensors.update(self.results.objects.get_state())
        config = {
            "epoch": self.epoch,
            "batch": self.batch,
            "samples_seen": self.results.samples,
            "samples_counted": self.results.counted,
            "previous_samples_seen": self.previous_samples_seen,
            "sums": self.results.sums,
            "layer_losses": self.results.layer_losses,
            "position": self.feed.position(),
            "validation_batches_drawn": self.validation.batches_drawn if self.validation else 0,
            "stop_training": self.model.stop_training,
            "arguments": self._arguments,
            "callbacks": states,
            **store_model(self.training, self.trainer, tensors),
        }
        write_file(path, _CONTENT, config, tensors)

    def restore(self, path: Path) -> None:
        """Goes to where the run stood that wrote `path`, and makes the model what it was.

        Raises
        ------
        ValueError
            If the file is damaged, or of another model, other arguments or other callbacks.
        """
        stored = read_file(path, _CONTENT)
        with reading(str(path)):
            self._restore(stored.config, stored.tensors, path)

    def _restore(self, config: Config, tensors: Mapping[str, npt.NDArray[Any]], path: Path) -> None:
        # All that may be missing or wrong is read before anything is set.
        states = _callback_states(config, tensors)
        stateful = [each for each in self.callbacks.callbacks if each.get_state()]
        self._check_same(config, stateful, [name for name, _ in states], path)
        results = self.training.result_sums()
        results.samples = _count(config, "samples_seen")
        results.sums = [float(each) for each in config["sums"]]
        if len(results.sums) != len(self.results.sums):
            raise ValueError(f"sums: expected {len(self.results.sums)}, got {len(results.sums)}")
        counted = config.get("samples_counted")  # not in files of earlier versions
        results.counted = float(results.samples if counted is None else counted)
        results.layer_losses = float(config.get("layer_losses", 0.0))  # likewise
        epoch, batch = _count(config, "epoch"), _count(config, "batch")
        previous = _count(config, "previous_samples_seen")
        drawn = _count(config, "validation_batches_drawn")
        position = config["position"]
        position = {
            "stream": _count(position, "stream"),
            "batches_drawn": _count(position, "batches_drawn"),
            "pass_started": bool(position["pass_started"]),
        }
        stop_training = bool(config["stop_training"])
        count = sum(key.startswith("load.") for key in tensors)
        loads = [tensors[f"load.{index}"] for index in range(count)]
        loads = self.loads.completed(loads)
        if batch and results.objects is not None:
            results.objects.set_state(tensors)
        restore_model(self.training, self.trainer, config, tensors, str(path))
        self.epoch, self.batch, self.results = epoch, batch, results
        self.previous_samples_seen = previous
        self.feed.set_position(position)
        if self.validation is not None:
            self.validation.batches_drawn = drawn
        self.model.stop_training = stop_training
        self.loads.set_state(loads)
        self._callback_states = list(zip(stateful, (state for _, state in states), strict=True))
        self.restore_callbacks()

    def restore_callbacks(self) -> None:
        """Gives the callbacks their stored state, again after `on_epoch_begin` in mid-epoch."""
        for callback, state in self._callback_states:
            callback.set_state(state)

    def _check_same(
        self, config: Config, stateful: list[Callback], stored_names: list[str], path: Path
    ) -> None:
        for name, value in self._arguments.items():
            stored_value = config["arguments"].get(name)
            if stored_value != value:
                raise ValueError(
                    f"{path}: {name}: expected {stored_value!r} as in the training to be "
                    f"continued, got {value!r}; call fit with the same arguments, or remove the "
                    "file to start again"
                )
        names = [type(callback).__name__ for callback in stateful]
        if names != stored_names:
            raise ValueError(
                f"{path}: callbacks: expected those with a state of the training to be continued, "
                f"{', '.join(stored_names)}, got {', '.join(names)}"
            )


def _count(config: Config, name: str) -> int:
    return check_integer(name, config[name], 0)


def _callback_states(
    config: Config, tensors: Mapping[str, npt.NDArray[Any]]
) -> list[tuple[str, dict[str, Any]]]:
    """Class name and state of the stored callbacks that have one; only they must be there again."""
    states = []
    for index, each in enumerate(config["callbacks"]):
        prefix = f"callback.{index}."
        arrays = {
            key.removeprefix(prefix): value.copy()
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        if state := {**each["state"], **arrays}:
            states.append((each["class_name"], state))
    return states
