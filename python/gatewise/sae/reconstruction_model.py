"""Training and evaluation of an autoencoder: rows are their own targets by default."""

from __future__ import annotations

import inspect
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data import convert, is_iterable_of_batches
from gatewise.data.batches import unpack
from gatewise.data.dense_rows import DenseRows
from gatewise.data.parts import Checked
from gatewise.losses import MeanSquaredError
from gatewise.sae.auto_rate import AutoRate
from gatewise.sae.center_and_scale import center_and_scale
from gatewise.sae.compiling_model import CompilingModel
from gatewise.sae.dead_units import DeadUnitsWarning, dead_units, dead_window, describe_dead
from gatewise.sae.dense_codes import DenseCodesWarning, describe_dense
from gatewise.sae.fit_rows import FitRows
from gatewise.sae.training_data import (
    Batches,
    Limits,
    Moments,
    Rows,
    SizedBatches,
    WeightedRows,
    array_of,
    as_row_weights,
    as_rows,
    pair_with_targets,
)
from gatewise.training import Trainable
from gatewise.training.arguments import (
    check_epochs,
    check_optional_count,
    default_batch_size,
)
from gatewise.training.progress import Verbose
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.callbacks import History
    from gatewise.training.compiled import ResultSums

_NO_LIMITS = Limits("linear")
_DENSITY_ROWS = 64
"""Rows whose codes are counted at the end of `fit`: enough to see that they are dense."""
_FIT = inspect.signature(Trainable.fit)


class ReconstructionModel(CompilingModel):
    """The part of `SparseAutoencoder` that trains and evaluates."""

    def _start(self, name: str | None) -> None:
        super()._start(name)
        # The rows of the running `fit`, per thread: a concurrent call fails and must not change it.
        self._fit_state = threading.local()
        self._state.mean_over_counted = True
        self._dead_rows = 0

    def fit(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> History:
        """`Model.fit`, with x as the target if y is omitted.

        Parameters
        ----------
        x : array (n, d), `np.memmap`, path to a `.npy` file, sparse matrix, or iterable of batches
            Rows; of arrays `(b, t, d)`, b t rows. A sparse matrix is made dense a buffer at a time.
            A batch is x, `(x, y)` or `(x, y, sample_weight)`. If c and s are not set yet,
            they are computed from all training rows, or from the first batch of an iterable, by
            their sample weights; weights that were set or loaded keep theirs (see `standardize`).
        y : like x, optional
            Targets of the reconstruction, such as a clean y for a noisy x.
        *args, **settings
            See `Model.fit`. The loss is a mean over the rows whose `sample_weight` is not 0:
            training is the same without the others. `validation_data` may be rows without targets,
            or an iterable.

        Returns
        -------
        History
            Besides the loss: `fvu`, the fraction of variance unexplained, as `measure` gives it (if
            the loss is the mean squared error; of an iterable, relative to the variance of its
            first batch), and `val_fvu`; `l0`, the active latents per row; `dead`, the fraction of
            latents that were active in no row of the epoch.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            See `Model.fit`; or targets are outside the range of `output_activation`.

        Warns
        -----
        DeadUnitsWarning
            At the end, if a tenth or more of the units are dead: inactive in all of the last
            `max(rows of the epoch, 20 m / k)` training rows, as for `revive`.
        DenseCodesWarning
            At the end, if the codes of a dictionary without k have more than m / 4 active latents.
        """
        self._training.require_settings()
        self._require_penalty()
        bound = _FIT.bind(self, x, y, *args, **settings).arguments
        settings = {name: bound[name] for name in bound if name not in ("self", "x", "y")}
        if is_iterable_of_batches(x):
            x = pair_with_targets(x, self._architecture.limits)
            rows, weights = x.first()
            first = WeightedRows.of(self._in_memory(rows), weights, "batch 0: ")
            targets = first
        else:
            if "sample_weight" in settings:
                settings["sample_weight"] = as_row_weights(settings["sample_weight"], x)
            x = self._in_memory(as_rows(x, "x"))
            y = x if y is None else self._in_memory(as_rows(y, "y"), "y")
            self._architecture.limits.check(array_of(y), "y")
            first = WeightedRows.of(x, settings.get("sample_weight"))
            targets = first if y is x else WeightedRows(y, first.weights)
        self._build_from_data([(None, *array_of(first.rows).shape[1:])])
        split, held_out = settings.get("validation_split", 0.0), None
        if settings.get("validation_data") is not None:
            settings["validation_data"], held_out = self._validation(settings["validation_data"])
        elif split:
            held_out = targets.for_validation(split)
            kept = first.for_training(split)
            first, targets = kept, kept if targets is first else targets.for_training(split)
        rate, verbose = self._planned_rate(x, first, settings), settings.get("verbose", "auto")
        fit_rows = FitRows(first, targets, held_out, rate, verbose)
        before = getattr(self._fit_state, "current", None)
        self._fit_state.current = fit_rows
        try:
            history = super().fit(x, y, **settings)
        except BaseException:
            if fit_rows.has_standardized and (
                self._state.trainer is None or self._state.trainer.steps == 0
            ):
                self._architecture.reset_standardization()
            raise
        finally:
            self._fit_state.current = before
        self._warn_of_dead()
        self._warn_of_dense(fit_rows.rows)
        return history

    def _planned_rate(
        self, x: Any, rows: WeightedRows, settings: dict[str, Any]
    ) -> AutoRate | None:
        """The plan of `optimizer="auto"` for a call of `fit`; None with another optimizer."""
        if not isinstance(self.optimizer.schedule, AutoRate):
            return None
        count = len(array_of(rows.rows))
        steps = check_optional_count("steps_per_epoch", settings.get("steps_per_epoch"))
        size = check_optional_count("batch_size", settings.get("batch_size"))
        if isinstance(x, Batches):
            size = count
            steps = len(x) if steps is None and isinstance(x, SizedBatches) else steps
        else:
            size = default_batch_size(size, count, steps)
            steps = steps or -(-count // size)
        epochs, first = check_epochs(settings.get("epochs", 1), settings.get("initial_epoch", 0))
        return AutoRate(
            self._architecture.peak_rate(size),
            self.optimizer.iterations,
            None if steps is None else max(1, steps * (epochs - first)),
        )

    def _begin_fit(self) -> None:
        # Only now no other thread trains, and may the rate be changed.
        rate = self._fit_state.current.rate
        if rate is not None:
            self.optimizer.learning_rate = rate

    def _validation(self, data: Any) -> tuple[Any, WeightedRows | None]:
        """`validation_data` with targets, and these; of an iterable those of its first batch."""
        if is_iterable_of_batches(data):
            batches = pair_with_targets(data, _NO_LIMITS)
            rows, weights = batches.first()
            return batches, WeightedRows.of(self._in_memory(rows), weights, "validation ")
        if not isinstance(data, tuple | list):
            rows = self._in_memory(as_rows(data, "validation_data"), "validation_data")
            return (rows, rows), WeightedRows(rows)
        if len(data) not in (2, 3):
            return data, None  # `fit` refuses it
        x, y, weights = unpack(data)
        if y is None:
            return data, None
        weights = as_row_weights(weights, x)
        y = self._in_memory(as_rows(y, "validation y"), "validation y")
        given = (x, y) if weights is None else (x, y, weights)
        return given, WeightedRows.of(y, weights, "validation ")

    def standardize(self, x: Any) -> None:
        """Computes the centre c and the scale s again from the rows x `(n, d)`.

        `fit` does it once, before the first step, unless weights were set or loaded before. The
        weights learned so far belong to the old c and s.

        Raises
        ------
        TypeError, ValueError, OSError
            x is unsuitable; see `Model.fit`.
        """
        rows = self._in_memory(as_rows(x, "x"))
        self._build_from_data([(None, *array_of(rows).shape[1:])])
        self._architecture.reset_standardization()
        self._standardize_from(WeightedRows(rows))

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.evaluate`, with x as the target if y is omitted.

        With `return_dict=True`, the dict for arrays and files also has the items of `measure`.
        """
        if is_iterable_of_batches(x):
            batches = pair_with_targets(x, _NO_LIMITS)
            batches.moments = Moments() if self._with_fvu else None
            result = super().evaluate(batches, y, *args, **settings)
            return self._join(result, lambda: self._fvu_of(result, batches.moments))
        x = as_rows(x, "x")
        result = super().evaluate(x, x if y is None else as_rows(y, "y"), *args, **settings)
        if isinstance(result, dict):
            return {**self.measure(x, y), **result}
        return self._with_fvu_of(result, x, y)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, *args: Any, **settings: Any
    ) -> Any:
        """`Model.train_on_batch`, with x as the target if y is omitted.

        If c and s are not set yet, they are computed from this batch.
        """
        self._training.require_settings()
        self._require_penalty()
        sample_weight = as_row_weights(sample_weight, x)
        rows = self._in_memory(as_rows(x, "x"))
        target = rows if y is None else as_rows(y, "y")
        self._architecture.limits.check(array_of(target), "y")
        self._build_from_data([(None, *array_of(rows).shape[1:])])
        scale = self._standardize_from(WeightedRows.of(rows, sample_weight))
        try:
            result = super().train_on_batch(rows, target, sample_weight, *args, **settings)
        except BaseException:
            if scale is not None:
                self._architecture.reset_standardization()
            raise
        return self._with_fvu_of(result, x, y)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.test_on_batch`, with x as the target if y is omitted."""
        x = as_rows(x, "x")
        result = super().test_on_batch(x, x if y is None else as_rows(y, "y"), *args, **settings)
        return self._with_fvu_of(result, x, y)

    def _require_penalty(self) -> None:
        activation = self._architecture.activation
        if not activation.can_train:
            kind = type(activation).__name__
            raise ValueError(
                f"activation: expected a value of {activation.penalty_setting} to train {kind} "
                "with, which its file did not store; give it to import_from, as in "
                f"activation=gw.{kind}({activation.penalty_setting}=...)"
            )

    def _in_memory(self, rows: Any, name: str = "x") -> Rows:
        """Rows, converted and checked once for all of `fit`, unless they are read in blocks."""
        if isinstance(rows, np.memmap | DenseRows):
            return rows
        width = self.input_shape[-1] if self.built else rows.shape[1]
        return Checked(rows, convert.features(rows, name, (None, width)))

    def _standardize_from(self, rows: WeightedRows, verbose: Verbose = 0) -> float | None:
        """Sets c and s from `rows` unless they are set; returns s if it did."""
        architecture = self._architecture
        if architecture.is_standardized:
            return None
        convert.match_features(array_of(rows.rows), "x", (None, self.input_shape[-1]))
        center, scale = center_and_scale(rows, architecture.center, architecture.scale, verbose)
        architecture.standardize(center, scale)
        return scale

    def _begin_epoch(self, samples_before: int) -> None:
        # No other thread trains now, so these rows belong to this thread.
        fit_rows: FitRows = self._fit_state.current
        scale = self._standardize_from(fit_rows.rows, fit_rows.verbose)
        if scale is not None:
            fit_rows.has_standardized = True
            if self._architecture.center == "mean" and self._architecture.scale:
                fit_rows.set_scale(scale)
        # Before the first epoch: units that were dead at the end of an earlier `fit`.
        rows = self._dead_window(samples_before) if samples_before else self._dead_rows
        if rows:
            self._reinitialize_dead(rows)
        self._dead_rows = 0

    def _end_epoch(self, samples: int) -> None:
        self._dead_rows = self._dead_window(samples)

    def _further_results(self, results: ResultSums, test: bool) -> dict[str, float]:
        further = {}
        if isinstance(self.loss, MeanSquaredError):
            variance = self._fit_state.current.variance(test)
            further["fvu"] = results.output_loss(0) / variance if variance else math.nan
        active_rows = self._architecture.code_layer.active_rows_
        if not test and active_rows is not None:
            further["l0"] = float(active_rows.sum() / max(results.counted, 1))
            further["dead"] = float(np.mean(active_rows == 0))
        return further

    def _dead_window(self, samples: int) -> int:
        """Rows without activity after which a unit is dead; 0 if units cannot die."""
        activation = self._architecture.activation
        return (
            dead_window(samples, self._architecture.latents, activation)
            if activation.can_die
            else 0
        )

    def _reinitialize_dead(self, rows: int) -> None:
        """Re-initialises the units that were inactive in all of the last `rows` training rows."""
        architecture = self._architecture
        dead = dead_units(architecture.code_layer, rows)
        if not len(dead) or not architecture.revive or not architecture.code_layer.trainable:
            return
        state = self._state
        assert state.trainer is not None
        assert state.seed is not None
        some_rows = self._fit_state.current.rows.evenly_spaced()
        architecture.reinitialize_dead(
            self._built_graph(), dead, some_rows, state.seed, state.trainer.steps
        )

    def _warn_of_dead(self) -> None:
        architecture, rows = self._architecture, self._dead_rows
        if not rows:
            return
        dead = dead_units(architecture.code_layer, rows)
        hint = "" if architecture.revive else "revive=True, "
        message = describe_dead(self.name, dead, architecture.latents, rows, hint)
        if message:
            warn_user(message, DeadUnitsWarning)

    def _warn_of_dense(self, rows: WeightedRows) -> None:
        architecture = self._architecture
        if not architecture.has_sparse_codes or not architecture.activation.sparser:
            return
        codes = architecture.encode(self._built_graph(), rows.evenly_spaced(_DENSITY_ROWS))
        active = codes.nnz / codes.shape[0]
        message = describe_dense(self.name, architecture.activation, architecture.latents, active)
        if message:
            warn_user(message, DenseCodesWarning)
