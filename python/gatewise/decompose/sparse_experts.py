"""Importance experts: linear or MLP experts built from the important parameters of a model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import activations, losses, optimizers
from gatewise.compress.kernels import MIN_NORMAL
from gatewise.constraints import KeepZeros
from gatewise.data.scores import default_scoring, has_labels
from gatewise.data.take_rows import take_rows
from gatewise.decompose import combining
from gatewise.decompose.ranking import METHODS, importance
from gatewise.decompose.report import Report
from gatewise.decompose.supports import assign_supports
from gatewise.io.group_file import GROUPS, SavedGroup
from gatewise.layers import Dense, Dropout, Input
from gatewise.models import Sequential
from gatewise.utils.checks import check_choice, check_integer, check_number
from gatewise.utils.parameters import HasParameters
from gatewise.utils.random import next_seed, seeds_from
from gatewise.validation.folds import num_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from typing_extensions import Self

    from gatewise._core import Doubles, Floats
    from gatewise.io.container import Tensors
    from gatewise.io.saved import SavedModel
    from gatewise.optimizers import Optimizer
    from gatewise.registry import Config

_RANKED_ROWS = {"taylor": 4096, "fisher": 512, "activation": 4096, "magnitude": 1}
"""Rows used to rank parameters, by method; "fisher" processes rows one by one."""
_HELD_OUT_DIVISOR = 5
"""Without validation data, one row in this many is held out."""


@GROUPS.register()
class SparseExperts(HasParameters, SavedGroup):
    """Importance experts `y = sum_i alpha_i W_i x + b`: K experts over important parameters.

    `fit` initialises a model, ranks its parameters by importance, assigns the important ones to K
    experts in turn by rank, trains the experts one by one, combines them with weights alpha fitted
    on held-out rows, and scores the combination there.

    Parameters
    ----------
    n_experts : int
        K, at least 1.
    keep : float in (0, 1]
        Fraction of the model's weights (with `hidden`: of its hidden units) assigned to experts.
    importance : {"taylor", "magnitude", "fisher", "activation"}
        See `gw.decompose.importance`.
    hidden : int, optional
        Hidden units of the model. If given, experts are `V_i f(U_i x + c_i)` over the units
        assigned to them. If omitted, experts are linear over the weights assigned to them, and
        all their other weights stay 0.
    activation : str
        f of the hidden units.
    overlap : float in [0, 1]
        Fraction of the kept weights or units, the most important of them, that every expert gets.
        0: supports are disjoint.
    combine : {"ridge", "softmax"}
        How alpha is fitted; see `gw.decompose.combine`.
    warm_up : int
        Epochs of training before the model is ranked.
    dropout : float in [0, 1)
        Dropout rate of the inputs of each expert in training. With dropout the experts differ
        more, so their sum gains more.
    optimizer : str or Optimizer
        Optimizer of the warm-up and of each expert.
    seed : int, optional
        Seed of initial weights, shuffles and the held-out split.

    Attributes
    ----------
    experts_ : list of Sequential
        The trained experts; they predict logits for labels, else values.
    supports_ : list of ndarray of bool
        Which weights `(d, u)` or hidden units `(h,)` of the ranked model each expert has.
    alpha_ : ndarray (K,)
    bias_ : ndarray (u,)
    report_ : Report
        Scores and counts; printed as a table.

    Raises
    ------
    ValueError
        A number is out of range, or a name is unknown.
    TypeError
        An argument has another type.

    References
    ----------
    Lee, Ajanthan, Torr 2019, "SNIP: single-shot network pruning based on connection sensitivity"
    (ranking before training). Breiman 1996, "Stacked regressions" (combining).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(400, 10)).astype(np.float32)
    >>> model = gw.decompose.SparseExperts(n_experts=2, keep=0.4, seed=0)
    >>> model = model.fit(x, (x[:, 0] > 0).astype(int), epochs=5)
    >>> model.fuse().count_nonzero()  # 8 of 20 weights, and the biases
    10
    """

    experts_: list[Sequential]
    supports_: list[npt.NDArray[np.bool_]]
    alpha_: Doubles
    bias_: Doubles
    report_: Report

    def __init__(
        self,
        n_experts: int,
        keep: float,
        importance: str = "taylor",
        *,
        hidden: int | None = None,
        activation: str = "relu",
        overlap: float = 0.0,
        combine: str = "ridge",
        warm_up: int = 0,
        dropout: float = 0.0,
        optimizer: str | Optimizer = "adam",
        seed: int | None = None,
    ) -> None:
        self.n_experts = check_integer("n_experts", n_experts, 1)
        self.keep = check_number("keep", keep, 0, 1)
        if self.keep == 0:
            raise ValueError("keep: expected a number above 0, got 0")
        self.importance = check_choice("importance", importance, METHODS)
        self.hidden = None if hidden is None else check_integer("hidden", hidden, 1)
        self.activation = activations.get(activation)
        self.overlap = check_number("overlap", overlap, 0, 1)
        if combine not in combining.METHODS:
            raise ValueError(f"combine: expected 'ridge' or 'softmax', got {combine!r}")
        self.combine = combine
        self.warm_up = check_integer("warm_up", warm_up, 0)
        self.dropout = check_number("dropout", dropout, 0, 1)
        self.optimizer = optimizer
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        self._classifies = False

    def fit(
        self,
        x: Any,
        y: Any,
        validation_data: tuple[Any, Any] | None = None,
        epochs: int = 20,
        batch_size: int = 32,
        **fit_options: Any,
    ) -> Self:
        """Initialises, ranks, trains, combines and validates the experts.

        Parameters
        ----------
        x : array or SciPy CSR (n, d)
            Rows to train on.
        y : array (n,) of int, or (n, u)
            Labels 0 to C - 1, or targets.
        validation_data : (x, y), optional
            Rows to fit alpha and to score the experts. Default: a fifth of the rows, which are
            then excluded from training.
        epochs, batch_size, **fit_options
            Options of each expert's `fit`.

        Raises
        ------
        ValueError, TypeError
            Rows and targets do not match, or `keep` leaves an expert without weights or units.
        """
        seed = next_seed() if self.seed is None else self.seed
        held_out = validation_data
        if held_out is None:
            x, y, held_out = _split(x, y, seed)
        self._classifies = has_labels(y)
        options = {"verbose": 0, "epochs": epochs, "batch_size": batch_size, **fit_options}
        clock = _Clock()
        with seeds_from(seed):
            model = self._initial_model(x, y, held_out[1])
            if self.warm_up:
                model.fit(x, y, **{**options, "epochs": self.warm_up})
            clock.stop("initialise")
            supports = self._rank(model, x, y)
            clock.stop("rank")
            experts = [self._make_expert(model, support) for support in supports]
            for expert in experts:
                expert.fit(x, y, **options)
        clock.stop("train")
        outputs = np.stack([each.predict(held_out[0], verbose=0) for each in experts])
        alpha, bias = combining.combine(outputs, held_out[1], self.combine)
        clock.stop("combine")
        self.experts_, self.supports_, self.alpha_, self.bias_ = experts, supports, alpha, bias
        self.report_ = self._report(model, outputs, held_out[1], clock)
        return self

    def predict(self, x: Any, verbose: int = 0) -> Floats:
        """Predicts class probabilities `(n, C)`, or values `(n, u)`.

        An expert whose alpha is exactly 0 is skipped.

        Raises
        ------
        AttributeError
            Before `fit`.
        """
        self._check_fitted("predict")
        total = np.tile(self.bias_, (num_samples(x), 1))
        for alpha, expert in zip(self.alpha_, self.experts_, strict=True):
            if alpha != 0:
                total += alpha * expert.predict(x, verbose=verbose).astype(np.float64)
        return self._finish(total)

    def evaluate(self, x: Any, y: Any) -> float:
        """Accuracy for labels, else the fraction of variance explained."""
        return default_scoring(y)[1](y, self.predict(x))

    def score(self, x: Any, y: Any) -> float:
        """The same, as scikit-learn calls it; higher is better."""
        return self.evaluate(x, y)

    def get_config(self) -> Config:
        """The settings as JSON values."""
        config = self.get_params(deep=False)
        return {**config, "optimizer": optimizers.serialize(optimizers.get(self.optimizer))}

    def get_parts(self) -> dict[str, SavedModel]:
        """The experts."""
        self._check_fitted("save")
        return {f"expert_{at}": each for at, each in enumerate(self.experts_)}

    def get_arrays(self) -> Tensors:
        """Supports, and the weights and bias of the combination."""
        supports = {f"support_{at}": each for at, each in enumerate(self.supports_)}
        return {**supports, "alpha": self.alpha_, "bias": self.bias_}

    @classmethod
    def from_parts(cls, config: Config, parts: Mapping[str, Any], arrays: Tensors) -> Self:
        found = cls(**config)
        count = len(arrays["alpha"])
        found.experts_ = [parts[f"expert_{at}"] for at in range(count)]
        found.supports_ = [arrays[f"support_{at}"] for at in range(count)]
        found.alpha_, found.bias_ = arrays["alpha"], arrays["bias"]
        loss = found.experts_[0].loss
        found._classifies = isinstance(loss, losses.SparseCategoricalCrossentropy)
        return found

    def fuse(self) -> Sequential:
        """Merges the experts into one model with the same output.

        Linear experts become `W = sum_i alpha_i W_i`; hidden units are concatenated.

        Returns
        -------
        Sequential
            Compiled. Weights outside the supports are exactly 0, so `gw.compress.compress` can
            drop them.

        Raises
        ------
        AttributeError
            Before `fit`.
        """
        self._check_fitted("fuse")
        weights = [[each.astype(np.float64) for each in one.get_weights()] for one in self.experts_]
        bias = self.bias_ + sum(
            alpha * each[-1] for alpha, each in zip(self.alpha_, weights, strict=True)
        )
        kernels = [alpha * each[-2] for alpha, each in zip(self.alpha_, weights, strict=True)]
        inner: list[Any] = []
        if self.hidden is None:
            fused = [np.sum(kernels, axis=0), bias]
        else:
            units = sum(each[0].shape[1] for each in weights)
            inner = [Dense(units, activation=self.activation)]
            first = np.concatenate([each[0] for each in weights], axis=1)
            fused = [first, np.concatenate([each[1] for each in weights])]
            fused += [np.concatenate(kernels), bias]
        last = Dense(len(bias), activation="softmax" if self._classifies else None)
        model = Sequential([Input((weights[0][0].shape[0],)), *inner, last])
        model.set_weights(fused)
        loss = "sparse_categorical_crossentropy" if self._classifies else "mse"
        model.compile(self.optimizer, loss, metrics=["accuracy"] if self._classifies else None)
        return model

    def _initial_model(self, x: Any, y: Any, held_out: Any) -> Sequential:
        units = int(np.prod(np.shape(y)[1:]))
        if self._classifies:
            units = int(max(np.max(y), np.max(held_out))) + 1
        inner = [] if self.hidden is None else [Dense(self.hidden, activation=self.activation)]
        return self._compiled([Input((x.shape[1],)), *inner, Dense(units)])

    def _compiled(self, layers: list[Any]) -> Sequential:
        model = Sequential(layers)
        loss: Any = losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(self.optimizer, loss if self._classifies else "mse")
        return model

    def _rank(self, model: Sequential, x: Any, y: Any) -> list[npt.NDArray[np.bool_]]:
        rows = min(num_samples(x), _RANKED_ROWS[self.importance])
        found = importance(model, x[:rows], y[:rows], self.importance)
        name = model.layers[0].name
        ranks = found.ranks()[name] if self.hidden is None else found.unit_ranks(name)
        return assign_supports(ranks, self.keep, self.n_experts, self.overlap)

    def _make_expert(self, model: Sequential, support: npt.NDArray[np.bool_]) -> Sequential:
        """Expert over the weights or units of the support, initialised from `model`."""
        weights = model.get_weights()
        source: list[Any] = [Input(model.input_shape[1:])]
        if self.dropout:
            source.append(Dropout(self.dropout))
        if self.hidden is None:
            kernel = np.where(support, np.where(weights[0] == 0, MIN_NORMAL, weights[0]), 0)
            expert = self._compiled(
                [*source, Dense(kernel.shape[1], kernel_constraint=KeepZeros())]
            )
            expert.set_weights([kernel, weights[1]])
            return expert
        inner = Dense(int(support.sum()), activation=self.activation)
        expert = self._compiled([*source, inner, Dense(weights[2].shape[1])])
        cut = [weights[0][:, support], weights[1][support], weights[2][support], weights[3]]
        expert.set_weights(cut)
        return expert

    def _finish(self, total: Doubles) -> Floats:
        if self._classifies:
            exponentials = np.exp(total - total.max(axis=1, keepdims=True))
            total = exponentials / exponentials.sum(axis=1, keepdims=True)
        return total.astype(np.float32)

    def _report(self, model: Sequential, outputs: Any, y: Any, clock: _Clock) -> Report:
        measure, score = default_scoring(y)
        y = np.asarray(y)
        halves = np.arange(len(y)) % 2 == 0
        combined_outputs = np.empty(outputs.shape[1:])
        for half in (halves, ~halves):
            alpha, bias = combining.combine(outputs[:, half], y[half], self.combine)
            combined_outputs[~half] = np.tensordot(alpha, outputs[:, ~half], axes=1) + bias
        clock.stop("validate")
        return Report(
            measure,
            tuple(score(y, each) for each in outputs),
            score(y, combined_outputs),
            tuple(self.alpha_.tolist()),
            tuple(_kernel_values(each) for each in self.experts_),
            sum(each.size for each in model.get_weights() if each.ndim == 2),
            _kernel_values(self.fuse()),
            clock.seconds,
        )

    def _check_fitted(self, call: str) -> None:
        if not hasattr(self, "experts_"):
            raise AttributeError(f"SparseExperts: {call}: expected fit before it")


class _Clock:
    """Measures the seconds of consecutive steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    def stop(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step], self._start = now - self._start, now


def _split(x: Any, y: Any, seed: int) -> tuple[Any, Any, tuple[Any, Any]]:
    count = num_samples(x)
    order = np.random.default_rng(seed % 2**32).permutation(count)
    num_held_out = max(1, count // _HELD_OUT_DIVISOR)
    held_out, training = order[:num_held_out], order[num_held_out:]
    y = np.asarray(y)
    return take_rows(x, training), y[training], (take_rows(x, held_out), y[held_out])


def _kernel_values(model: Sequential) -> int:
    return sum(int(np.count_nonzero(each)) for each in model.get_weights() if each.ndim == 2)
