"""`fit`, from its arguments to the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gatewise.callbacks import CallbackList, History
from gatewise.data import (
    BatchSource,
    IteratorSource,
    SampleSet,
    array_source,
    is_iterable_of_batches,
    labelled_samples,
)
from gatewise.data.batches import unpack
from gatewise.data.split import check_class_weight, training_samples
from gatewise.layers.storage import refuse_quantized
from gatewise.optimizers.learning_rate import describe
from gatewise.registry import Config
from gatewise.training.arguments import (
    DEFAULT_BATCH_SIZE,
    check_epochs,
    check_optional_count,
    check_validation_freq,
    default_batch_size,
    refuse_with_iterator,
)
from gatewise.training.feed import TestFeed, TrainingFeed
from gatewise.training.inputs import build_for, choose_losses, evaluation_source
from gatewise.training.loops import Schedule, run_fit
from gatewise.training.progress import Progress, Verbose, make_progress
from gatewise.training.run import FitRun
from gatewise.training.target_scale import warn_of_target_scale
from gatewise.utils.checks import check_flag
from gatewise.utils.json_values import describe_objects

if TYPE_CHECKING:
    from gatewise.training.training import Training

TrainingData: TypeAlias = tuple[object, object, object, object]
"""x, y, sample weights and class weights."""

# Samples on which it is looked whether outputs are probabilities.
_OUTPUT_CHECK_SAMPLES = 32


@dataclass(frozen=True, eq=False, repr=False)
class FitArguments:
    """The plain arguments of `fit`, checked."""

    batch_size: int | None
    schedule: Schedule
    initial_epoch: int
    verbose: Verbose
    progress: Progress
    shuffle: bool
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None

    @classmethod
    def check(
        cls,
        *,
        batch_size: object,
        epochs: object,
        verbose: Verbose,
        shuffle: object,
        initial_epoch: object,
        steps_per_epoch: object,
        validation_steps: object,
        validation_batch_size: object,
        validation_freq: object,
    ) -> FitArguments:
        """The arguments as `fit` got them.

        Raises
        ------
        TypeError, ValueError
            If one is out of range.
        """
        last, first = check_epochs(epochs, initial_epoch)
        return cls(
            batch_size=check_optional_count("batch_size", batch_size),
            schedule=Schedule(last, check_validation_freq(validation_freq)),
            initial_epoch=first,
            verbose=verbose,
            progress=make_progress(verbose, epochs=last - first),
            shuffle=check_flag("shuffle", shuffle),
            steps_per_epoch=check_optional_count("steps_per_epoch", steps_per_epoch),
            validation_steps=check_optional_count("validation_steps", validation_steps),
            validation_batch_size=check_optional_count(
                "validation_batch_size", validation_batch_size
            ),
        )


def fit_model(
    training: Training,
    data: TrainingData,
    validation: tuple[float, object],
    arguments: FitArguments,
    callbacks: object,
) -> History:
    """`Trainable.fit`; `validation` is validation_split and validation_data."""
    refuse_quantized("fit", training.model.layers)
    training.require_settings()
    hooks = CallbackList(callbacks, add_history=True)
    split, validation_data = validation
    size = arguments.batch_size or DEFAULT_BATCH_SIZE
    samples: SampleSet | None = None
    if is_iterable_of_batches(data[0]):
        source, held_out, count = _from_batches(training, data, arguments, validation), None, None
    else:
        samples, held_out = _from_arrays(training, data, split, validation_data)
        count, steps = samples.samples, arguments.steps_per_epoch
        size = default_batch_size(arguments.batch_size, count, steps)
        source = array_source(samples, size, arguments.shuffle)
        if training.needs_output_check():
            training.check_outputs(
                samples.features([(0, min(_OUTPUT_CHECK_SAMPLES, samples.samples))])
            )
    training.say(arguments.progress)
    tests = _validation_feed(training, held_out, validation_data, arguments)
    trainer = training.prepare_trainer()
    feed = TrainingFeed(source, trainer, arguments.steps_per_epoch)
    epochs, verbose = arguments.schedule.epochs, arguments.verbose
    hooks.set_model(training.model)
    hooks.set_params({"epochs": epochs, "steps": feed.steps, "verbose": verbose})
    resume_arguments = _resume_arguments(training, arguments, count, size, data[3])
    first = arguments.initial_epoch
    run = FitRun(training, trainer, feed, tests, hooks, first, resume_arguments)
    with training.state.lock.training("fit"):
        trainer.begin_fit()
        hooks.set_run(run)
        try:
            run_fit(run, arguments.schedule, arguments.progress)
        finally:
            trainer.end_fit()
            hooks.set_run(None)
            arguments.progress.close()
    history = hooks.history
    assert history is not None
    training.model.history = history
    if samples is not None and history.history.get("loss"):
        losses, last = training.resolve().losses, history.history["loss"][-1]
        warn_of_target_scale(samples, losses, last, trainer.steps)
    return history


def _from_arrays(
    training: Training, data: TrainingData, split: float, validation_data: object
) -> tuple[SampleSet, SampleSet | None]:
    """The samples to train on, and those that `validation_split` keeps back."""
    x, y, sample_weight, class_weight = data
    x = build_for(training, x)
    choose_losses(training, x, y)
    samples = labelled_samples(training.signature(), x, y, sample_weight, class_weight)
    kept = training_samples(samples.samples, split)
    if validation_data is not None or kept == samples.samples:
        return samples, None
    return samples.slice_rows(0, kept), samples.slice_rows(
        kept, samples.samples
    ).without_class_weight()


def _from_batches(
    training: Training,
    data: TrainingData,
    arguments: FitArguments,
    validation: tuple[float, object],
) -> BatchSource:
    x, y, sample_weight, class_weight = data
    assert is_iterable_of_batches(x)
    size = arguments.batch_size
    refuse_with_iterator("x", y=y, sample_weight=sample_weight, batch_size=size)
    split, validation_data = validation
    if split and validation_data is None:
        raise ValueError(f"validation_split: expected 0 where x is an iterator, got {split}")
    source = IteratorSource(x, class_weight)
    build_for(training, source)
    choose_losses(training, source, None)
    source.signature = training.signature()
    if class_weight is not None:
        check_class_weight(class_weight, source.signature.rules[0])
    if training.needs_output_check():
        training.check_outputs(source.first_features())
    return source


def _validation_feed(
    training: Training, held_out: SampleSet | None, given: object, arguments: FitArguments
) -> TestFeed | None:
    size, limit = (
        arguments.validation_batch_size or arguments.batch_size,
        arguments.validation_steps,
    )
    if held_out is not None:
        size = default_batch_size(size, held_out.samples, limit)
        return TestFeed(array_source(held_out, size, shuffle=False), limit)
    if given is None:
        return None
    if is_iterable_of_batches(given):
        source = evaluation_source(
            training, (given, None, None), arguments.validation_batch_size, prefix="validation "
        )
    elif isinstance(given, (tuple, list)) and len(given) in (2, 3):
        source = evaluation_source(training, unpack(given), size, limit, "validation ")
    else:
        raise TypeError(
            "validation_data: expected (x, y) or (x, y, sample_weight), or an iterable of batches, "
            f"got {type(given).__name__}"
        )
    schedule = arguments.schedule
    epochs = range(arguments.initial_epoch, schedule.epochs)
    if source.one_shot and limit is None and sum(map(schedule.validates, epochs)) > 1:
        raise ValueError(
            "validation_steps: expected a number where validation_data is an iterator, which gives "
            "its batches once only, got None"
        )
    return TestFeed(source, limit)


def _resume_arguments(
    training: Training,
    arguments: FitArguments,
    samples: int | None,
    batch_size: int,
    class_weight: object,
) -> Config:
    """What a call of `fit` that continues a stored one must share with it, as JSON values."""
    schedule = training.model.optimizer.schedule
    pairs = sorted(class_weight.items()) if isinstance(class_weight, dict) else []
    return {
        "samples": samples,
        "batch_size": batch_size,
        "steps_per_epoch": arguments.steps_per_epoch,
        "shuffle": arguments.shuffle,
        "class_weight": [[int(key), float(value)] for key, value in pairs],
        "compile": describe_objects(training.require_settings().fixed_config()),
        # A learning rate that is a number may change, and is stored with the state.
        "schedule": None if schedule is None else describe(schedule),
    }
