"""Tests of a model, and single steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gatewise.callbacks import CallbackList
from gatewise.callbacks.base import Logs
from gatewise.data import labelled_samples
from gatewise.layers.storage import refuse_quantized
from gatewise.training.arguments import check_optional_count
from gatewise.training.feed import TestFeed
from gatewise.training.inputs import Data, build_for, choose_losses, evaluation_source
from gatewise.training.loops import run_test
from gatewise.training.progress import Verbose, make_progress

if TYPE_CHECKING:
    from gatewise.training.metric_objects import MetricObjects
    from gatewise.training.training import Training


def evaluate_model(
    training: Training,
    data: Data,
    batch_size: object,
    verbose: Verbose,
    steps: object,
    callbacks: object,
) -> Logs:
    """`Trainable.evaluate`: losses and metrics by name."""
    training.require_settings()
    size = check_optional_count("batch_size", batch_size)
    limit = check_optional_count("steps", steps)
    progress = make_progress(verbose)
    hooks = CallbackList(callbacks)
    source = evaluation_source(training, data, size, limit)
    trainer = training.prepare_trainer()
    feed = TestFeed(source, limit)
    hooks.set_model(training.model)
    hooks.set_params({"epochs": 1, "steps": feed.steps, "verbose": verbose})
    progress.begin("evaluate", feed.steps)
    try:
        with training.state.lock.testing("evaluate"):
            return run_test(trainer, training.result_sums(nested=True), feed, hooks, progress)
    finally:
        progress.close()


def one_batch(training: Training, data: tuple[object, object, object, object], train: bool) -> Logs:
    """One training or test step on arrays: losses and metrics by name."""
    if train:
        refuse_quantized("train_on_batch", training.model.layers)
    training.require_settings()
    x, y, sample_weight, class_weight = data
    x = build_for(training, x)
    choose_losses(training, x, y)
    samples = labelled_samples(training.signature(), x, y, sample_weight, class_weight)
    dataset = samples.dataset()
    trainer = training.prepare_trainer()
    order = np.arange(dataset.samples, dtype=np.int64)
    if not train:
        objects = training.metric_objects(training.state.lock.is_training)
        with training.state.lock.testing("test_on_batch"):
            values = trainer.test_step(dataset, order)
            return _step_logs(training, values, objects, len(order))
    if training.needs_output_check():
        training.check_outputs(samples.features())
    with training.state.lock.training("train_on_batch"):
        trainer.begin_fit()
        try:
            if training.model.optimizer.schedule is not None:
                training.model.optimizer.follow_schedule(trainer)
            values = trainer.train_step(dataset, order)
        finally:
            trainer.end_fit()
        return _step_logs(training, values, training.metric_objects(), len(order))


def _step_logs(
    training: Training, values: list[float], objects: MetricObjects | None, samples: int
) -> Logs:
    if objects is not None:
        objects.add_step(samples)
    return training.resolve().logs(values, objects)
