"""What the classifier and the regressor of sparse experts share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import callbacks as gw_callbacks
from gatewise._extras import import_extra
from gatewise.data.csr import is_sparse
from gatewise.estimators.columns import Columns, is_frame
from gatewise.estimators.progress import ReportsEpochs
from gatewise.estimators.recipe import Recipe
from gatewise.estimators.rows import Part, check_weights, held_out, merged
from gatewise.estimators.threads import threads
from gatewise.utils.checks import check_integer, check_number
from gatewise.utils.random import seeds_from

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Floats, Labels
    from gatewise.layers.expert_load import ExpertLoad

_base = import_extra("sklearn.base", "sklearn")
_utils = import_extra("sklearn.utils", "sklearn")
_validation = import_extra("sklearn.utils.validation", "sklearn")

BaseEstimator: Any = _base.BaseEstimator


class SparseExpertEstimator(ReportsEpochs, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; a subclass chooses the targets."""

    _CHECKS = (
        ("num_experts", 1),
        ("k", 1),
        ("hidden_units", 1),
        ("members", 1),
        ("n_iter_no_change", 1),
    )

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Trains the experts.

        Parameters
        ----------
        X : array, SciPy sparse matrix or data frame (n, d)
            Rows; NaN and None are missing values. Columns of a frame that are not numbers are
            categories.
        y : array (n,) or (n, t)
            Labels of any type, flags of several labels, or values.
        sample_weight : array (n,), optional
            Weight of each row. Up to 10,000 rows, a row of weight w counts exactly as w rows.
        X_val, y_val, sample_weight_val : optional
            Rows to choose the best epoch by, instead of a part of X.

        Raises
        ------
        ValueError
            A setting is out of range, rows and targets do not match, or a value is infinite.
        TypeError
            An argument has the wrong type.
        """
        self._check_settings()
        part = self._training_part(X, y, sample_weight)
        given = None
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val, y_val: expected both or none")
        if X_val is not None:
            given = self._validation_part(X_val, y_val, sample_weight_val)
        with threads(self.n_jobs), seeds_from(self._seed()):
            self._train(part, given, X, y)
        return self

    def _fit_once(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """One pass over some rows, in their order; the first call sets up columns and model."""
        self._check_settings()
        is_first = not hasattr(self, "model_")
        if is_first:
            part = self._training_part(X, y, sample_weight)
        else:
            part = self._validation_part(X, y, sample_weight)
        with threads(self.n_jobs), seeds_from(self._seed()):
            recipe = self._recipe(len(part.y))
            if is_first:
                self.model_ = recipe.build(part.x.shape[1], is_sparse(part.x), self._targets)
                self.n_iter_ = 0
                self._steps_alone = False
            if not self._steps_alone:
                recipe.compile_for_single_passes(self.model_, self._targets)
                self._steps_alone = True
            self.model_.fit(
                part.x,
                part.y,
                sample_weight=part.weight,
                batch_size=recipe.batch_size,
                shuffle=False,
                verbose=0,
            )
        self.n_iter_ += 1
        return self

    def routing(self, X: Any) -> tuple[Labels, Floats]:
        """Experts of each row and their weights, `(members, n, k)` both."""
        x = self._inputs(X)
        indices, weights = self.model_.routing(x)
        shape = (self.members, x.shape[0], -1)
        return indices.reshape(shape), weights.reshape(shape)

    def expert_load(self, X: Any) -> ExpertLoad:
        """How the rows spread over the experts; see `SparseExpertLayer.expert_load`."""
        load: ExpertLoad = self.model_.expert_load(self._inputs(X))
        return load

    @abstractmethod
    def _new_targets(self, y: Any, weight: Any) -> Any:
        """Targets fitted to y."""

    @abstractmethod
    def _check_targets(self, y: Any) -> Any:
        """y as an array; ValueError if it is none."""

    def _row_weights(self, y: Any, weight: Any) -> Any:
        """Weights of rows; a classifier multiplies those of classes."""
        return weight

    def _train(self, part: Part, given: Part | None, X: Any, y: Any) -> None:
        """Trains a new model, or with `warm_start` the one there is."""
        training, chosen = part, given
        if given is None and self.early_stopping:
            fraction = check_number("validation_fraction", self.validation_fraction, 0, 0.5)
            training, chosen = held_out(part, fraction, self._targets.is_labels, self._seed())
        recipe = self._recipe(len(training.y))
        if not (self.warm_start and hasattr(self, "model_")):
            self.model_ = recipe.build(training.x.shape[1], is_sparse(training.x), self._targets)
        recipe.compile(self.model_, self._targets, training.x.shape[1], len(training.y))
        self._steps_alone = False
        found: list[Any] = self._epoch_callbacks(X, y, recipe.epochs)
        stopper = None
        if chosen is not None:
            stopper = gw_callbacks.EarlyStopping(
                "val_loss", patience=self.n_iter_no_change, restore_best_weights=True
            )
            found.append(stopper)
        history = self.model_.fit(
            training.x,
            training.y,
            sample_weight=training.weight,
            validation_data=None if chosen is None else tuple(chosen),
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            verbose=self.verbose,
            callbacks=found,
        )
        self.history_ = history.history
        self.n_iter_ = len(history.epoch)
        self.best_iter_ = self.n_iter_ if stopper is None else stopper.best_epoch + 1

    def _recipe(self, rows: int) -> Recipe:
        return Recipe.of(self, rows)

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(_utils.check_random_state(self.random_state).randint(2**31))

    def _training_part(self, X: Any, y: Any, sample_weight: Any) -> Part:
        X, y, weight = self._checked(X, y, sample_weight, reset=True)
        keeps = self.warm_start and hasattr(self, "model_")
        if not keeps:
            self._columns = Columns(self.categorical_features).choose(X)
            self._targets = self._new_targets(y, weight)
        encoded = self._targets.encode(y)
        cells, encoded, weight = merged(
            self._columns.read(X), encoded, self._row_weights(y, weight)
        )
        if not keeps:
            self._columns.fit(cells, weight)
        return Part(self._columns.transform(cells), encoded, np.asarray(weight, np.float32))

    def _validation_part(self, X: Any, y: Any, sample_weight: Any) -> Part:
        X, y, weight = self._checked(X, y, sample_weight, reset=False)
        weight = self._row_weights(y, weight).astype(np.float32)
        return Part(self._columns.transform(self._columns.read(X)), self._targets.encode(y), weight)

    def _checked(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Any]:
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        X = self._check_rows(X, reset)
        y = self._check_targets(y)
        _validation.check_consistent_length(X, y)
        return X, y, check_weights(sample_weight, X)

    def _check_rows(self, X: Any, reset: bool) -> Any:
        if is_frame(X):
            _validation.validate_data(self, X, reset=reset, skip_check_array=True)
            if len(X) == 0:
                raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
            return X
        return _validation.validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )

    def _inputs(self, X: Any) -> Any:
        _validation.check_is_fitted(self, "model_")
        return self._columns.transform(self._columns.read(self._check_rows(X, reset=False)))

    def _outputs(self, X: Any) -> tuple[Any, Floats]:
        """The targets, and the model's outputs for the rows."""
        x = self._inputs(X)
        with threads(self.n_jobs):
            return self._targets, self.model_.predict(x, verbose=0)

    def _check_settings(self) -> None:
        for name, low in self._CHECKS:
            check_integer(name, getattr(self, name), low)
        if self.k > self.num_experts:
            raise ValueError(f"k: expected at most num_experts = {self.num_experts}, got {self.k}")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
