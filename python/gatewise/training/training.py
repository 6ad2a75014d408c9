"""A model and its training state, as the functions of this package take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gatewise.data import Signature
from gatewise.layers.symbol import sample_shapes
from gatewise.training.batch_rows import BATCH_ROWS, BATCH_SAMPLES
from gatewise.training.compiled import ResultSums
from gatewise.training.probabilities import (
    follow_losses,
    output_activations,
    wants_probabilities,
    warn_double,
    warn_one_class,
    warn_outputs,
)
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise import _core
    from gatewise._core import Floats, Labels
    from gatewise.training.compile_settings import CompileSettings
    from gatewise.training.compiled import Resolved
    from gatewise.training.metric_objects import MetricObjects
    from gatewise.training.progress import Progress
    from gatewise.training.protocols import FitModel
    from gatewise.training.training_state import TrainingState


@dataclass(frozen=True, eq=False, repr=False)
class Training:
    """What a model hands to `fit`, `evaluate`, `predict` and to files.

    Attributes
    ----------
    model : FitModel
        Its public side.
    state : TrainingState
        What it keeps from call to call.
    build_from_data : callable (shapes)
        Builds a model that waits for its first data.
    begin_fit : callable ()
        What the model does when a `fit` has begun, before callbacks.
    begin_epoch : callable (samples)
        What the model does before an epoch; `samples` are those of the epoch before, or 0.
    end_epoch : callable (samples)
        What the model does after an epoch of so many samples.
    further_results : callable (results, test)
        What the model adds to the results of an epoch, or of its validation.
    """

    model: FitModel
    state: TrainingState
    build_from_data: Callable[[Sequence[Sequence[int | None]]], None]
    begin_fit: Callable[[], None]
    begin_epoch: Callable[[int], None]
    end_epoch: Callable[[int], None]
    further_results: Callable[[ResultSums, bool], dict[str, float]]

    @property
    def seed(self) -> int | None:
        """The model's seed; None before it is built."""
        return self.state.seed

    def set_seed(self, seed: int | None) -> None:
        """Replaces the seed, by one that was stored; a built model has one."""
        if seed is not None or self.model.built:
            seed = check_integer("seed", seed, 0)
        self.state.seed = seed

    def require_settings(self) -> CompileSettings:
        """What `compile` was given; ValueError if it was not called."""
        settings = self.state.settings
        if settings is None:
            raise ValueError(f"{self.model.name}: expected a compiled model; call compile first")
        return settings

    def require_network(self) -> _core.Network:
        """The model's graph in the core; ValueError if the model is not built."""
        network = self.state.network
        if network is None:
            raise ValueError(
                f"{self.model.name}: expected a built model; give it an input shape or data"
            )
        return network

    def resolve(self) -> Resolved:
        """Losses and metrics of the outputs, resolved again if layers were added since."""
        settings, network, state = self.require_settings(), self.require_network(), self.state
        if state.resolved is None or state.resolved_network is not network:
            shapes = [symbol.shape for symbol in self.model.outputs]
            state.resolved = settings.resolve(self.model.output_names, shapes)
            state.resolved_network = network
            state.signature = None
            self.follow_losses(state.resolved)
        return state.resolved

    def follow_losses(self, resolved: Resolved) -> None:
        """Sets the activations of outputs that follow their losses."""
        self.state.unsaid += follow_losses(self.model.outputs, resolved.losses)

    def say(self, progress: Progress) -> None:
        """Shows, once, what was set and not given."""
        unsaid, self.state.unsaid = self.state.unsaid, []
        for line in unsaid:
            progress.say(line)

    def result_sums(self, nested: bool = False) -> ResultSums:
        """Sums for the means of steps' results, still zero.

        `nested` is for a test that a callback may call during a training.
        """
        objects = self.metric_objects(nested and self.state.lock.is_training)
        return ResultSums(self.resolve(), self.state.mean_over_counted, objects)

    def metric_objects(self, copied: bool = False) -> MetricObjects | None:
        """The metrics that see the rows of each step, or copies; None if there are none."""
        resolved = self.resolve()
        return resolved.make_objects(self.prepare_trainer(), copied) if resolved.objects else None

    def prepare_trainer(self) -> _core.Trainer:
        """The core's trainer; made at first use, and again if layers were added since."""
        resolved, network, state = self.resolve(), self.require_network(), self.state
        optimizer = self.model.optimizer
        if state.trainer is None or state.trained_network is not network:
            state.trainer = resolved.make_trainer(network, optimizer, state.mean_over_counted)
            state.trained_network = network
            state.continue_optimizer()
        optimizer.attach(state.trainer)
        return state.trainer

    def signature(self) -> Signature:
        """Names and shapes of inputs and outputs, and what the losses want as targets."""
        resolved = self.resolve()
        if self.state.signature is None:
            self.state.signature = replace(self.input_signature(), rules=resolved.rules)
        return self.state.signature

    def input_signature(self) -> Signature:
        """Names and shapes of inputs and outputs, of a model that need not be compiled."""
        shapes = [symbol.shape for symbol in self.model.inputs]
        integers = [i for i, each in enumerate(self.model.inputs) if each.dtype == "int32"]
        return Signature(
            self.model.input_names,
            shapes,
            self.model.output_names,
            integer_inputs=frozenset(integers),
        )

    def predict(
        self, inputs: Sequence[Floats | Labels | _core.SparseRows], batch_size: int | None
    ) -> list[Floats]:
        """The core's outputs for arrays that are converted and checked."""
        network = self.require_network()
        rows = {getattr(each, "shape", ())[1:-1] for each in inputs}
        if not network.reads_whole_samples and len(rows) == 1:
            return network.predict(inputs, batch_size or BATCH_ROWS, checked=True)
        given = [
            getattr(each, "shape", (None,))[: len(symbol.shape)]
            for each, symbol in zip(inputs, self.model.inputs, strict=True)
        ]
        shapes = sample_shapes(self.model.inputs, given, self.model.outputs)
        return network.predict(inputs, batch_size or BATCH_SAMPLES, checked=True, shapes=shapes)

    def trainer_state(self) -> dict[str, npt.NDArray[Any]]:
        """The optimizer's arrays by name; empty before the first training step."""
        trainer = self.state.current_trainer()
        return {} if trainer is None else trainer.state()

    def set_trainer_state(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Continues from what `trainer_state` returned."""
        self.prepare_trainer().set_state(state)

    def needs_output_check(self) -> bool:
        """Whether the outputs of some samples should be checked to be probabilities."""
        if self.state.outputs_checked:
            return False
        self.state.outputs_checked = True
        resolved, found = self.resolve(), output_activations(self.model.outputs)
        outputs = zip(
            self.model.output_names, resolved.losses, found, self.model.outputs, strict=True
        )
        for name, loss, activation, symbol in outputs:
            warn_double(name, loss, activation)
            warn_one_class(name, loss, activation, symbol.shape[-1])
        pairs = zip(resolved.losses, found, strict=True)
        return any(wants_probabilities(loss, activation) for loss, activation in pairs)

    def check_outputs(self, inputs: Sequence[Floats | Labels | _core.SparseRows]) -> None:
        """Warns of outputs for some samples that their loss takes for probabilities."""
        outputs = self.predict(inputs, 32)
        found = output_activations(self.model.outputs)
        each = zip(self.model.output_names, self.resolve().losses, found, outputs, strict=True)
        for name, loss, activation, output in each:
            if wants_probabilities(loss, activation):
                warn_outputs(name, loss, activation, output)
