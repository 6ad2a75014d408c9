"""What `compile` sets, and the core's trainer that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise import _core
from gatewise.data import Signature
from gatewise.optimizers import Optimizer
from gatewise.registry import Config
from gatewise.training.compiled import CompileSettings, Direction, Resolved
from gatewise.training.probabilities import (
    output_activations,
    wants_probabilities,
    warn_double,
    warn_outputs,
)
from gatewise.training.trainer_lock import TrainerLock
from gatewise.utils.checks import check_defaults

if TYPE_CHECKING:
    import os

    from gatewise.callbacks import History
    from gatewise.data.convert import Floats
    from gatewise.layers import Layer
    from gatewise.layers.symbol import Symbol

_COMPILE_DEFAULTS: Config = {
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
    "jit_compile": "auto",
    "auto_scale_loss": True,
}


class Compiling:
    """The part of `Trainable` that holds what `compile` was given."""

    if TYPE_CHECKING:
        name: str
        _network: _core.Network | None
        _seed: int | None

        @property
        def layers(self) -> list[Layer]: ...
        @property
        def built(self) -> bool: ...
        @property
        def inputs(self) -> list[Symbol]: ...
        @property
        def outputs(self) -> list[Symbol]: ...
        @property
        def input_names(self) -> list[str]: ...
        @property
        def output_names(self) -> list[str]: ...
        def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None: ...
        def get_weights(self) -> list[npt.NDArray[np.float32]]: ...
        def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None: ...
        def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None: ...
        def save_weights(
            self, filepath: str | os.PathLike[str], overwrite: bool = True
        ) -> None: ...

    def __init__(self) -> None:
        self.stop_training = False
        self.history: History | None = None
        self._settings: CompileSettings | None = None
        self._resolved: Resolved | None = None
        self._trainer: _core.Trainer | None = None
        # The network that each was made for: a layer added later makes another one.
        self._resolved_network: _core.Network | None = None
        self._trained_network: _core.Network | None = None
        self._outputs_checked = False
        self._cached_signature: Signature | None = None
        self._trainer_lock = TrainerLock()

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._settings is not None

    @property
    def optimizer(self) -> Optimizer:
        """The compiled optimizer.

        Raises
        ------
        ValueError
            If `compile` was not called.
        """
        return self._compiled_settings().optimizer

    @property
    def loss(self) -> object:
        """The compiled loss, or a list or dict of them; None before `compile`."""
        return None if self._settings is None else self._settings.loss

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, in order."""
        return [name for name, _ in self._resolve().result_indices]

    def metric_directions(self) -> dict[str, Direction]:
        """For each of `metrics_names` whether `"up"` or `"down"` is better."""
        return self._resolve().directions

    def compile(
        self,
        optimizer: str | Config | Optimizer = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets how the model is trained and judged; an earlier optimizer's state is dropped.

        Parameters
        ----------
        optimizer : str, dict or Optimizer
            `"sgd"`, `"adam"`, `"adamw"` or an object of `gw.optimizers`. (Keras' default,
            `"rmsprop"`, is not among them: say which.)
        loss : str, dict, Loss, list or dict of them
            Of `gw.losses`: one for all outputs, one for each in order, or by output name.
        loss_weights : float, list or dict, optional
            Factors of the losses in their sum.
        metrics : list or dict, optional
            Of `gw.metrics`; for several outputs a list of lists or a dict by output name.
            `"accuracy"` is the one that fits loss and output.
        weighted_metrics, run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Only Keras' defaults.

        Raises
        ------
        TypeError
            If an argument is not supported, or of another form.
        ValueError
            If a name is not known, or a list or dict does not fit the outputs.
        """
        given: dict[str, object] = {
            "weighted_metrics": weighted_metrics or None,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }
        check_defaults("compile", given, _COMPILE_DEFAULTS)
        settings = CompileSettings(optimizer, loss, loss_weights, metrics)
        resolved = None
        if self.built and settings.loss is not None:
            # Before anything is replaced: a refused compile leaves the model as it was.
            shapes = [symbol.shape for symbol in self.outputs]
            resolved = settings.resolve(self.output_names, shapes)
        self._settings, self._resolved = settings, resolved
        self._resolved_network = self._network
        self._cached_signature = None
        self._trainer = None
        self._outputs_checked = False

    def get_compile_config(self) -> Config:
        """The arguments of `compile` as JSON values; empty before `compile`."""
        return {} if self._settings is None else self._settings.get_config()

    def compile_from_config(self, config: Config) -> None:
        """Compiles with what `get_compile_config` gave; does nothing if it is empty."""
        if config:
            self.compile(**config)

    def _compiled_settings(self) -> CompileSettings:
        if self._settings is None:
            raise ValueError(f"{self.name}: expected a compiled model; call compile first")
        return self._settings

    def _require_network(self) -> _core.Network:
        if self._network is None:
            raise ValueError(f"{self.name}: expected a built model; give it an input shape or data")
        return self._network

    def _resolve(self) -> Resolved:
        """Losses and metrics for the outputs, found anew if layers were added since."""
        settings, network = self._compiled_settings(), self._require_network()
        if self._resolved is None or self._resolved_network is not network:
            shapes = [symbol.shape for symbol in self.outputs]
            self._resolved = settings.resolve(self.output_names, shapes)
            self._resolved_network = network
            self._cached_signature = None
        return self._resolved

    def _prepare_trainer(self) -> _core.Trainer:
        """The core's trainer; made at first use, and anew if layers were added since."""
        resolved, network = self._resolve(), self._require_network()
        if self._trainer is None or self._trained_network is not network:
            self._trainer = resolved.make_trainer(network, self.optimizer)
            self._trained_network = network
        self.optimizer.attach(self._trainer)
        return self._trainer

    def _signature(self) -> Signature:
        """Names and shapes of inputs and outputs, and what the losses want as targets."""
        resolved = self._resolve()
        if self._cached_signature is None:
            self._cached_signature = replace(self._input_signature(), rules=resolved.rules)
        return self._cached_signature

    def _input_signature(self) -> Signature:
        """Names and shapes of inputs and outputs, of a model that need not be compiled."""
        shapes = [symbol.shape for symbol in self.inputs]
        return Signature(self.input_names, shapes, self.output_names)

    def _needs_output_check(self) -> bool:
        """Whether the next training should look if the outputs are probabilities."""
        if self._outputs_checked:
            return False
        self._outputs_checked = True
        resolved, found = self._resolve(), output_activations(self.outputs)
        for name, loss, activation in zip(self.output_names, resolved.losses, found, strict=True):
            warn_double(name, loss, activation)
        pairs = zip(resolved.losses, found, strict=True)
        return any(wants_probabilities(loss, activation) for loss, activation in pairs)

    def _check_outputs(self, inputs: list[Floats | _core.SparseRows]) -> None:
        """Warns of outputs for some samples that their loss takes for probabilities."""
        outputs = self._require_network().predict(inputs, 32)
        found = output_activations(self.outputs)
        each = zip(self.output_names, self._resolve().losses, found, outputs, strict=True)
        for name, loss, activation, output in each:
            if wants_probabilities(loss, activation):
                warn_outputs(name, loss, activation, output)
