"""Training and testing an autoencoder: rows are their own targets unless others are given."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data import convert, is_iterable_of_batches
from gatewise.sae.coding import Coding
from gatewise.sae.dead import DeadUnitsWarning, dead_units, describe_dead, patience
from gatewise.sae.feeding import Limits, as_rows, paired, spread_rows
from gatewise.sae.units import standard_units
from gatewise.utils.warn import warn_user

if TYPE_CHECKING:
    from gatewise.callbacks import History

_NO_LIMITS = Limits("linear")


class Reconstructing(Coding):
    """The part of `SparseAutoencoder` that learns."""

    def _start(self, name: str | None) -> None:
        super()._start(name)
        # Of the `fit` that is under way; another thread's, which is refused, must not touch it.
        self._fitting = threading.local()
        self._dead_after = 0

    def compile(
        self, optimizer: Any = "adam", loss: Any = "mse", *args: Any, **settings: Any
    ) -> None:
        """`Model.compile`, with Adam and the mean squared error unless given."""
        super().compile(optimizer, loss, *args, **settings)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> History:
        """`Model.fit`, with x itself as the target unless y is given.

        Parameters
        ----------
        x : array (n, d), `np.memmap`, path to a `.npy` file, or iterable of batches
            Rows; a batch is x, `(x, y)` or `(x, y, sample_weight)`. Before the first training their
            mean and mean square decide c and s: of an iterable those of the first batch.
        y : like x, optional
            What is to be reconstructed from x: a clean y for a noisy x.
        *args, **settings
            See `Model.fit`; `validation_data` may be rows alone, or an iterable.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            See `Model.fit`; or targets are such as `output_activation` never gives.

        Warns
        -----
        DeadUnitsWarning
            At the end, if a tenth of the units or more were active in no row of an epoch.
        """
        self._compiled_settings()
        if "validation_data" in settings:
            settings["validation_data"] = self._with_targets(settings["validation_data"])
        if is_iterable_of_batches(x):
            x = paired(x, self._form.limits)
            first = self._in_memory(x.first())
        else:
            x = first = self._in_memory(as_rows(x, "x"))
            y = first if y is None else as_rows(y, "y")
            self._form.limits.check(y, "y")
        self._build_from_data([(None, *first.shape[1:])])
        fitting = self._fitting
        before = getattr(fitting, "rows", None), getattr(fitting, "set_units", False)
        fitting.rows, fitting.set_units = first, False
        try:
            history = super().fit(x, y, *args, **settings)
        except BaseException:
            if fitting.set_units and (self._trainer is None or self._trainer.steps == 0):
                self._form.forget_units()
            raise
        finally:
            fitting.rows, fitting.set_units = before
        self._warn_of_dead()
        return history

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.evaluate`, with x itself as the target unless y is given.

        With `return_dict=True`, arrays and files are measured too: the dict has the entries of
        `measure` beside the loss and the metrics.
        """
        if is_iterable_of_batches(x):
            return super().evaluate(paired(x, _NO_LIMITS), y, *args, **settings)
        result = super().evaluate(x, x if y is None else y, *args, **settings)
        return {**self.measure(x, y), **result} if isinstance(result, dict) else result

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.train_on_batch`, with x itself as the target; the first one decides c and s."""
        self._compiled_settings()
        rows = self._in_memory(as_rows(x, "x"))
        target = rows if y is None else as_rows(y, "y")
        self._form.limits.check(target, "y")
        self._build_from_data([(None, *rows.shape[1:])])
        begun = self._set_units(rows)
        try:
            return super().train_on_batch(rows, target, *args, **settings)
        except BaseException:
            if begun:
                self._form.forget_units()
            raise

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.test_on_batch`, with x itself as the target unless y is given."""
        return super().test_on_batch(x, x if y is None else y, *args, **settings)

    def _in_memory(self, rows: Any) -> Any:
        """Rows checked and converted once, since they are the target too; not those of a file."""
        if isinstance(rows, np.memmap):
            return rows
        width = self.input_shape[-1] if self.built else rows.shape[1]
        return convert.features(rows, "x", (None, width))

    def _with_targets(self, data: Any) -> Any:
        if data is None or isinstance(data, tuple | list):
            return data
        if is_iterable_of_batches(data):
            return paired(data, _NO_LIMITS)
        rows = as_rows(data, "validation_data")
        return rows, rows

    def _set_units(self, rows: Any) -> bool:
        """Whether c and s were not known: they are those of these rows now."""
        if self._form.is_standardized:
            return False
        convert.match_features(rows, "x", (None, self.input_shape[-1]))
        self._form.standardize(*standard_units(rows, self._form.center, self._form.scale))
        return True

    def _begin_epoch(self, samples_before: int) -> None:
        # Here no other thread trains: the rows that come first are this thread's.
        if self._set_units(self._fitting.rows):
            self._fitting.set_units = True
        # Before the first epoch: units that an earlier training left dead at its end.
        rows = self._patience(samples_before) if samples_before else self._dead_after
        if rows:
            self._start_anew(rows)
        self._dead_after = 0

    def _end_epoch(self, samples: int) -> None:
        self._dead_after = self._patience(samples)

    def _patience(self, samples: int) -> int:
        """Rows without activity that make a unit dead; 0 where none can be."""
        activation = self._form.activation
        return patience(samples, self._form.latents, activation) if activation.dies else 0

    def _start_anew(self, rows: int) -> None:
        """Revives the units that were active in none of the last `rows` rows of training."""
        form = self._form
        dead = dead_units(form.code_layer, rows)
        if not len(dead) or not form.revive or not form.code_layer.trainable:
            return
        assert self._trainer is not None
        assert self._seed is not None
        some_rows = spread_rows(self._fitting.rows)
        form.start_anew(self._built_graph(), dead, some_rows, self._seed, self._trainer.steps)

    def _warn_of_dead(self) -> None:
        form, rows = self._form, self._dead_after
        if not rows:
            return
        dead = dead_units(form.code_layer, rows)
        hint = "" if form.revive else "revive=True, "
        message = describe_dead(self.name, dead, form.latents, rows, hint)
        if message:
            warn_user(message, DeadUnitsWarning)
