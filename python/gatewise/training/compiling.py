"""What `compile` sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gatewise.callbacks.protocols import Direction
from gatewise.optimizers import Optimizer
from gatewise.registry import Config
from gatewise.training.compile_settings import CompileSettings
from gatewise.training.compiled import ResultSums
from gatewise.training.training import Training
from gatewise.training.training_state import TrainingState
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    import os

    from gatewise._core import Floats
    from gatewise.callbacks import History
    from gatewise.layers import Layer
    from gatewise.layers.symbol import Symbol


class Compiling(ABC):
    """The part of `Trainable` that holds what `compile` was given."""

    name: str

    def __init__(self) -> None:
        self.stop_training = False
        self.stop_evaluating = False
        self.stop_predicting = False
        self.history: History | None = None
        self._state = TrainingState()

    @property
    @abstractmethod
    def layers(self) -> list[Layer]:
        """The layers in order."""

    @property
    @abstractmethod
    def built(self) -> bool:
        """Whether the input shapes are known and the parameters exist."""

    @property
    @abstractmethod
    def inputs(self) -> list[Symbol]:
        """The input symbols."""

    @property
    @abstractmethod
    def outputs(self) -> list[Symbol]:
        """The output symbols."""

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """The names of the inputs."""

    @property
    @abstractmethod
    def output_names(self) -> list[str]:
        """The names of the outputs."""

    @abstractmethod
    def get_weights(self) -> list[Floats]:
        """Copies of all parameters."""

    @abstractmethod
    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Sets all parameters."""

    @abstractmethod
    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the model to one file."""

    @abstractmethod
    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Writes the parameters alone to one file."""

    @abstractmethod
    def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None:
        """Builds a model that waits for its first data."""

    def _begin_fit(self) -> None:  # noqa: B027, most models do nothing
        """What a kind of model does once `fit` is the only one to train it."""

    def _begin_epoch(self, samples_before: int) -> None:  # noqa: B027, most models do nothing
        """What a kind of model does before an epoch of `fit`.

        `samples_before` are those of the epoch before, 0 for the first one.
        """

    def _end_epoch(self, samples: int) -> None:
        """What it does after an epoch of so many samples; its layers may change then too."""
        for layer in self.layers:
            layer.end_epoch()

    def _further_results(self, results: ResultSums, test: bool) -> dict[str, float]:
        """What it adds to the results of an epoch of `fit`, or of the validation after it."""
        if not any(layer.adds_balance_loss for layer in self.layers):
            return {}
        return {"balance_loss": results.layer_loss()}

    @property
    def _training(self) -> Training:
        """This model and its state, as training and files take them."""
        return Training(
            self,
            self._state,
            self._build_from_data,
            self._begin_fit,
            self._begin_epoch,
            self._end_epoch,
            self._further_results,
        )

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._state.settings is not None

    @property
    def optimizer(self) -> Optimizer:
        """The compiled optimizer.

        Raises
        ------
        ValueError
            If `compile` was not called.
        """
        return self._training.require_settings().optimizer

    @property
    def loss(self) -> object:
        """The compiled loss, or a list or dict of them; None before `compile`."""
        settings = self._state.settings
        return None if settings is None else settings.loss

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in order."""
        return [name for name, _ in self._training.resolve().result_indices]

    def metric_directions(self) -> dict[str, Direction | None]:
        """For each of `metrics_names` whether `"up"` or `"down"` is better; None: not known."""
        return self._training.resolve().directions

    def compile(
        self,
        optimizer: str | Config | Optimizer = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets how the model is trained and evaluated; an earlier optimizer's state is dropped.

        Parameters
        ----------
        optimizer : str, dict or Optimizer
            `"sgd"`, `"rmsprop"`, `"adam"`, `"adamw"`, `"adamax"`, `"nadam"`, `"adagrad"`,
            `"adadelta"`, `"adafactor"`, `"lion"` or an object of `gw.optimizers`.
        loss : str, dict, Loss, callable, list or dict of them
            Of `gw.losses`: one for all outputs, one for each in order, or by output name.
            `"crossentropy"` is the one that fits the output and the first targets. A function of
            yours, `(y_true, y_pred) -> (values (n,), gradient (n, u))`, gives the loss of each row
            and its derivatives: see `gw.losses.LossFunctionWrapper`.
        loss_weights : float, list or dict, optional
            Factors of the losses in their sum.
        metrics : list or dict, optional
            Of `gw.metrics`; for several outputs a list of lists or a dict by output name.
            `"accuracy"` and `"crossentropy"` are those that fit loss and output. A function of
            yours, `(y_true, y_pred) -> values (n,) or a number`, is a mean of its values.
        weighted_metrics : list or dict, optional
            Metrics, in the same forms, that see weights of samples and classes; others do not.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Without effect: steps are native always, one at a time, in float32.

        Raises
        ------
        TypeError
            If an argument is not supported, or of another form.
        ValueError
            If a name is not known, or a list or dict does not fit the outputs.
        """
        check_flag("run_eagerly", run_eagerly)
        check_flag("auto_scale_loss", auto_scale_loss)
        check_integer("steps_per_execution", steps_per_execution, 1)
        if jit_compile != "auto":
            check_flag("jit_compile", jit_compile)
        settings = CompileSettings(optimizer, loss, loss_weights, metrics, weighted_metrics)
        resolved = None
        if self.built and settings.loss is not None and not settings.awaits_targets:
            # Before anything is replaced: a refused compile leaves the model as it was.
            shapes = [symbol.shape for symbol in self.outputs]
            resolved = settings.resolve(self.output_names, shapes)
        self._state.compile(settings, resolved)
        if resolved is not None:
            self._training.follow_losses(resolved)

    def get_compile_config(self) -> Config:
        """The arguments of `compile` as JSON values; empty before `compile`.

        Functions, and objects of classes of yours, are among them as they are.
        """
        settings = self._state.settings
        return {} if settings is None else settings.get_config()

    def compile_from_config(self, config: Config) -> None:
        """Compiles with what `get_compile_config` gave; does nothing if it is empty."""
        if config:
            self.compile(**config)
