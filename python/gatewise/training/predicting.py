"""Predictions over many samples, a part at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.callbacks import CallbackList
from gatewise.data import IteratorSource, SampleSet, is_iterable_of_batches, unlabelled_samples
from gatewise.data.convert import Floats
from gatewise.training.arguments import (
    check_optional_count,
    default_batch_size,
    refuse_with_iterator,
)
from gatewise.training.batch_rows import BATCH_ROWS
from gatewise.training.inputs import build_for
from gatewise.training.progress import Progress, Verbose, make_progress

if TYPE_CHECKING:
    from gatewise.training.training import Training

# Converted inputs of one part; between parts progress is shown and Ctrl-C is seen.
_PART_BYTES = 16 << 20


def predict_model(
    training: Training,
    x: object,
    batch_size: object,
    verbose: Verbose,
    steps: object,
    callbacks: object,
) -> list[Floats]:
    """`Trainable.predict` for whatever x is: the outputs in order."""
    size = check_optional_count("batch_size", batch_size)
    limit = check_optional_count("steps", steps)
    # A second is what anybody waits for without a sign of life.
    progress = make_progress(verbose, delay=1.0, lines=False)
    hooks = CallbackList(callbacks, model=training.model)
    source = None
    if is_iterable_of_batches(x):
        refuse_with_iterator("x", batch_size=batch_size)
        x = source = IteratorSource(x)
    x = build_for(training, x)
    signature = training.input_signature()
    try:
        training.model.stop_predicting = False
        params = {"epochs": 1, "verbose": verbose}
        if source is not None:
            source.signature = signature
            hooks.set_params({**params, "steps": limit or source.steps})
            hooks.on_predict_begin()
            outputs = predict_batches(training, source, limit, hooks, progress)
        else:
            samples = unlabelled_samples(signature, x)
            rows = default_batch_size(size, samples.samples, limit)
            if limit is not None:
                samples = samples.slice_rows(0, min(limit * rows, samples.samples))
            hooks.set_params({**params, "steps": -(-samples.samples // rows)})
            hooks.on_predict_begin()
            watched_rows = rows if hooks.watches_predict_batches else None
            outputs = predict_samples(training, samples, size, hooks, progress, watched_rows)
    finally:
        progress.close()
    hooks.on_predict_end()
    return outputs


def predict_samples(
    training: Training,
    samples: SampleSet,
    batch_size: int | None,
    callbacks: CallbackList,
    progress: Progress,
    rows: int | None,
) -> list[Floats]:
    """The outputs for all samples, converted and computed part by part.

    A part has `rows` samples, or as many as fit a buffer. A callback can end it by the model's
    `stop_predicting`, after a part.
    """
    total = samples.samples
    if rows is None:
        sample_bytes = sum(part.sample_bytes for part in samples.inputs)
        rows = max(BATCH_ROWS, _PART_BYTES // max(1, sample_bytes))
    progress.begin("predict", -(-total // rows))
    outputs: list[Floats] = []
    for step, first in enumerate(range(0, total, rows)):
        stop = min(first + rows, total)
        callbacks.on_predict_batch_begin(step)
        inputs = samples.features([(first, stop)])
        part = training.predict(inputs, batch_size)
        _report(callbacks, step, part)
        if stop - first == total:
            outputs = part
            break
        if not outputs:
            outputs = [np.empty((total, *each.shape[1:]), np.float32) for each in part]
        for whole, each in zip(outputs, part, strict=True):
            whole[first:stop] = each
        if callbacks.model.stop_predicting:
            outputs = [whole[:stop] for whole in outputs]
            break
        _draw(progress, step + 1)
    progress.end(-(-total // rows), {})
    return outputs


def predict_batches(
    training: Training,
    source: IteratorSource,
    steps: int | None,
    callbacks: CallbackList,
    progress: Progress,
) -> list[Floats]:
    """The outputs for the batches of an iterator, one after another.

    Raises
    ------
    ValueError
        If there is not one batch.
    """
    progress.begin("predict", steps or source.steps)
    parts: list[list[Floats]] = []
    for step, samples in enumerate(_limited(source.inputs(), steps)):
        callbacks.on_predict_batch_begin(step)
        part = training.predict(samples.features(), None)
        _report(callbacks, step, part)
        parts.append(part)
        if callbacks.model.stop_predicting:
            break
        _draw(progress, step + 1)
    if not parts:
        raise ValueError("x: expected at least one batch, got an empty iterator")
    progress.end(len(parts), {})
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _limited(batches: Iterator[SampleSet], steps: int | None) -> Iterator[SampleSet]:
    for count, batch in enumerate(batches, start=1):
        yield batch
        if count == steps:
            return


def _report(callbacks: CallbackList, step: int, outputs: Sequence[Floats]) -> None:
    if callbacks.watches_predict_batches:
        logs: dict[str, Any] = {"outputs": outputs[0] if len(outputs) == 1 else list(outputs)}
        callbacks.on_predict_batch_end(step, logs)


def _draw(progress: Progress, done: int) -> None:
    if time.perf_counter() >= progress.next_draw:
        progress.draw(done, dict)
