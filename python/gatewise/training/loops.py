"""The loops over epochs and batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from gatewise import _core
from gatewise.callbacks import CallbackList
from gatewise.callbacks.base import Logs
from gatewise.training.compiled import ResultSums
from gatewise.training.feed import TestFeed
from gatewise.training.progress import Progress
from gatewise.training.run import FitRun


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """How many epochs there are, and which of them end with a validation.

    `validation_freq` is every how many epochs, or the epochs' numbers counted from 1.
    """

    epochs: int
    validation_freq: int | Sequence[int] = 1

    def validates(self, epoch: int) -> bool:
        """Whether there is a validation after this epoch (from 0)."""
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def run_fit(run: FitRun, schedule: Schedule, progress: Progress) -> None:
    """Trains from where `run` stands to the last epoch, or until something stops it."""
    model, callbacks = run.model, run.callbacks
    model.stop_training = False
    if run.trainer.averages_are_weights:
        run.trainer.swap_averages()
    run.training.begin_fit()
    callbacks.on_train_begin()
    stopped_at_start = model.stop_training  # then one batch runs, as in Keras
    callbacks.restore_run()
    logs: Logs | None = None
    for epoch in range(run.epoch, schedule.epochs):
        if model.stop_training and not stopped_at_start:
            break
        logs = _run_epoch(run, epoch, schedule, progress)
        stopped_at_start = False
        if run.feed.exhausted:
            run.feed.warn_exhausted()
            break
    if logs is not None:
        model.optimizer.finalize_variable_values()
    callbacks.on_train_end(logs)


def _run_epoch(run: FitRun, epoch: int, schedule: Schedule, progress: Progress) -> Logs:
    callbacks = run.callbacks
    callbacks.on_epoch_begin(epoch)
    if run.batch:
        run.restore_callbacks()
    else:
        run.loads.begin_epoch()
        run.training.begin_epoch(run.previous_samples_seen)
    progress.begin(f"Epoch {epoch + 1}/{schedule.epochs}", run.feed.steps, run.batch)
    _train_epoch(run, progress)
    steps, logs = run.batch, run.logs()
    if not steps:
        return logs
    run.loads.end_epoch()
    run.training.end_epoch(run.samples_seen)
    logs.update(run.training.further_results(run.results, False))
    if run.validation is not None and schedule.validates(epoch):
        sums = run.training.result_sums()
        tested = run_test(run.trainer, sums, run.validation, callbacks)
        tested.update(run.training.further_results(sums, True))
        logs.update({f"val_{name}": value for name, value in tested.items()})
    progress.end(steps, logs)
    run.begin_epoch(epoch + 1)
    callbacks.on_epoch_end(epoch, logs)
    run.loads.warn(last=run.model.stop_training or epoch == schedule.epochs - 1)
    return logs


def _train_epoch(run: FitRun, progress: Progress) -> None:
    model, callbacks = run.model, run.callbacks
    watched = callbacks.watches_train_batches
    trainer, optimizer = run.trainer, model.optimizer
    train_step, add, clock = trainer.train_step, run.add, time.perf_counter
    for dataset, samples in run.feed.epoch(run.seed, run.batch):
        if watched:
            callbacks.on_train_batch_begin(run.batch)
        if optimizer.schedule is not None:
            optimizer.follow_schedule(trainer)
        add(train_step(dataset, samples), len(samples))
        if watched:
            callbacks.on_train_batch_end(run.batch - 1, run.logs())
        if model.stop_training:
            break
        if clock() >= progress.next_draw:
            progress.draw(run.batch, run.logs)


def run_test(
    trainer: _core.Trainer,
    results: ResultSums,
    feed: TestFeed,
    callbacks: CallbackList,
    progress: Progress | None = None,
) -> Logs:
    """Losses and metrics over the batches of one test: means weighted by the samples of each.

    A callback can end it by the model's `stop_evaluating`.

    Raises
    ------
    ValueError
        If there is not one batch.
    """
    model = callbacks.model
    model.stop_evaluating = False
    callbacks.on_test_begin()
    watched = callbacks.watches_test_batches
    steps = 0
    for dataset, samples in feed.batches():
        if watched:
            callbacks.on_test_batch_begin(steps)
        results.add(trainer.test_step(dataset, samples), len(samples))
        steps += 1
        if watched:
            callbacks.on_test_batch_end(steps - 1, results.logs())
        if model.stop_evaluating:
            break
        if progress is not None and time.perf_counter() >= progress.next_draw:
            progress.draw(steps, results.logs)
    if not steps:
        raise ValueError("x: expected at least one batch to evaluate, got an iterator at its end")
    result = results.logs()
    callbacks.on_test_end(result)
    if progress is not None:
        progress.end(steps, result)
    return result
