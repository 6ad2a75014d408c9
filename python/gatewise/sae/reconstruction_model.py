"""Training and evaluation of an autoencoder: rows are their own targets by default."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data import convert, is_iterable_of_batches
from gatewise.data.dense_rows import DenseRows
from gatewise.data.parts import Checked
from gatewise.sae.center_and_scale import center_and_scale
from gatewise.sae.dead_units import DeadUnitsWarning, dead_units, dead_window, describe_dead
from gatewise.sae.encoding_model import EncodingModel
from gatewise.sae.training_data import (
    Limits,
    Rows,
    WeightedRows,
    array_of,
    as_row_weights,
    as_rows,
    pair_with_targets,
)
from gatewise.training import Trainable
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.callbacks import History

_NO_LIMITS = Limits("linear")
_FIT = inspect.signature(Trainable.fit)


class ReconstructionModel(EncodingModel):
    """The part of `SparseAutoencoder` that trains and evaluates."""

    def _start(self, name: str | None) -> None:
        super()._start(name)
        # State of the running `fit`, per thread: a concurrent call fails and must not change it.
        self._fit_state = threading.local()
        self._state.mean_over_counted = True
        self._dead_rows = 0

    def compile(
        self, optimizer: Any = "adam", loss: Any = "mse", *args: Any, **settings: Any
    ) -> None:
        """`Model.compile`, by default with Adam and the mean squared error."""
        super().compile(optimizer, loss, *args, **settings)

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

        Raises
        ------
        TypeError, ValueError, RuntimeError
            See `Model.fit`; or targets are outside the range of `output_activation`.

        Warns
        -----
        DeadUnitsWarning
            At the end, if a tenth or more of the units are dead: inactive in all of the last
            `max(rows of the epoch, 20 m / k)` training rows, as for `revive`.
        """
        self._training.require_settings()
        self._require_penalty()
        bound = _FIT.bind(self, x, y, *args, **settings).arguments
        settings = {name: bound[name] for name in bound if name not in ("self", "x", "y")}
        if "validation_data" in settings:
            settings["validation_data"] = self._with_targets(settings["validation_data"])
        if is_iterable_of_batches(x):
            x = pair_with_targets(x, self._architecture.limits)
            rows, weights = x.first()
            first = WeightedRows.of(self._in_memory(rows), weights, "batch 0: ")
        else:
            if "sample_weight" in settings:
                settings["sample_weight"] = as_row_weights(settings["sample_weight"], x)
            x = self._in_memory(as_rows(x, "x"))
            y = x if y is None else as_rows(y, "y")
            self._architecture.limits.check(array_of(y), "y")
            first = WeightedRows.of(x, settings.get("sample_weight"))
        self._build_from_data([(None, *array_of(first.rows).shape[1:])])
        if settings.get("validation_data") is None:
            first = first.for_training(settings.get("validation_split", 0.0))
        fit_state = self._fit_state
        before = getattr(fit_state, "rows", None), getattr(fit_state, "has_standardized", False)
        fit_state.rows, fit_state.has_standardized = first, False
        try:
            history = super().fit(x, y, **settings)
        except BaseException:
            if fit_state.has_standardized and (
                self._state.trainer is None or self._state.trainer.steps == 0
            ):
                self._architecture.reset_standardization()
            raise
        finally:
            fit_state.rows, fit_state.has_standardized = before
        self._warn_of_dead()
        return history

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
            return super().evaluate(pair_with_targets(x, _NO_LIMITS), y, *args, **settings)
        x = as_rows(x, "x")
        result = super().evaluate(x, x if y is None else as_rows(y, "y"), *args, **settings)
        return {**self.measure(x, y), **result} if isinstance(result, dict) else result

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
        has_standardized = self._standardize_from(WeightedRows.of(rows, sample_weight))
        try:
            return super().train_on_batch(rows, target, sample_weight, *args, **settings)
        except BaseException:
            if has_standardized:
                self._architecture.reset_standardization()
            raise

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.test_on_batch`, with x as the target if y is omitted."""
        x = as_rows(x, "x")
        return super().test_on_batch(x, x if y is None else as_rows(y, "y"), *args, **settings)

    def _require_penalty(self) -> None:
        activation = self._architecture.activation
        if not activation.can_train:
            kind = type(activation).__name__
            raise ValueError(
                f"activation: expected a value of {activation.penalty_setting} to train {kind} "
                "with, which its file did not store; give it to import_from, as in "
                f"activation=gw.{kind}({activation.penalty_setting}=...)"
            )

    def _in_memory(self, rows: Any) -> Rows:
        """Rows, converted and checked once for all of `fit`, unless they are read in blocks."""
        if isinstance(rows, np.memmap | DenseRows):
            return rows
        width = self.input_shape[-1] if self.built else rows.shape[1]
        return Checked(rows, convert.features(rows, "x", (None, width)))

    def _with_targets(self, data: Any) -> Any:
        if data is None or isinstance(data, tuple | list):
            return data
        if is_iterable_of_batches(data):
            return pair_with_targets(data, _NO_LIMITS)
        rows = as_rows(data, "validation_data")
        return rows, rows

    def _standardize_from(self, rows: WeightedRows) -> bool:
        """Sets c and s from `rows` unless they are set; returns whether it did."""
        if self._architecture.is_standardized:
            return False
        convert.match_features(array_of(rows.rows), "x", (None, self.input_shape[-1]))
        self._architecture.standardize(
            *center_and_scale(rows, self._architecture.center, self._architecture.scale)
        )
        return True

    def _begin_epoch(self, samples_before: int) -> None:
        # No other thread trains now, so these rows belong to this thread.
        if self._standardize_from(self._fit_state.rows):
            self._fit_state.has_standardized = True
        # Before the first epoch: units that were dead at the end of an earlier `fit`.
        rows = self._dead_window(samples_before) if samples_before else self._dead_rows
        if rows:
            self._reinitialize_dead(rows)
        self._dead_rows = 0

    def _end_epoch(self, samples: int) -> None:
        self._dead_rows = self._dead_window(samples)

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
        some_rows = self._fit_state.rows.evenly_spaced()
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
