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
from gatewise.layers.expert_load import ExpertLoad
from gatewise.utils.checks import check_flag, check_integer, check_number
from gatewise.utils.random import seeds_from

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Floats, Labels
    from gatewise.models import SparseExpertModel

_base = import_extra("sklearn.base", "sklearn")
_utils = import_extra("sklearn.utils", "sklearn")
_validation = import_extra("sklearn.utils.validation", "sklearn")

BaseEstimator: Any = _base.BaseEstimator


class SparseExpertEstimator(ReportsEpochs, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; a subclass chooses the targets."""

    models_: list[SparseExpertModel]

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
            Rows to choose the best epoch by, instead of parts of X.

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
            given = self._later_part(X_val, y_val, sample_weight_val)
        seed = self._seed()
        recipe = self._recipe(part)
        if not (self.warm_start and hasattr(self, "models_")):
            self.models_ = []
        count = len(self.models_) or recipe.n_estimators
        report = self._epoch_callbacks(X, y, count * recipe.epochs)
        trained = []
        with threads(self.n_jobs), seeds_from(seed):
            for number in range(count):
                training, chosen = self._split(part, given, seed, number)
                trained.append(self._train(training, chosen, number, report))
        report.end()
        models, histories, best = zip(*trained, strict=True)
        self.models_ = list(models)
        self.histories_ = list(histories)
        self.best_iter_ = list(best)
        self.n_iter_ = max(len(each["loss"]) for each in histories)
        self._trains_alone = False
        return self

    def routing(self, X: Any) -> tuple[Labels, Floats]:
        """Experts of each row and their weights, `(members of all ensembles, n, k)` both.

        An expert has a number within its ensemble, or within its member if members do not share.
        """
        x = self._inputs(X)
        found = [model.routing(x) for model in self.models_]
        shape = (-1, x.shape[0], self.k)
        indices = np.concatenate([each.reshape(shape) for each, _ in found])
        return indices, np.concatenate([each.reshape(shape) for _, each in found])

    def expert_load(self, X: Any) -> ExpertLoad:
        """How the rows spread over the experts of all ensembles; see `ExpertLoad`."""
        x = self._inputs(X)
        rows = [model.expert_load(x).rows for model in self.models_]
        return ExpertLoad.from_rows(np.concatenate(rows))

    @abstractmethod
    def _new_targets(self, y: Any, weight: Any) -> Any:
        """Targets fitted to y."""

    @abstractmethod
    def _check_targets(self, y: Any) -> Any:
        """y as an array; ValueError if it is none."""

    def _row_weights(self, y: Any, weight: Any) -> Any:
        """Weights of rows; a classifier multiplies those of classes."""
        return weight

    def _fit_once(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """One pass over some rows, in their order; the first call sets up columns and model."""
        self._check_settings()
        is_first = not hasattr(self, "models_")
        part = (self._training_part if is_first else self._later_part)(X, y, sample_weight)
        recipe = self._recipe(part)
        with threads(self.n_jobs), seeds_from(self._seed()):
            if is_first:
                self.models_ = [recipe.build(self._targets)]
                self.n_iter_ = 0
                self._trains_alone = False
            for model in self.models_:
                if not self._trains_alone:
                    recipe.compile_for_single_passes(model, self._targets)
                model.fit(
                    part.x,
                    part.y,
                    sample_weight=part.weight,
                    batch_size=recipe.batch_size,
                    shuffle=False,
                    verbose=0,
                )
        self._trains_alone = True
        self.n_iter_ += 1
        return self

    def _split(
        self, part: Part, given: Part | None, seed: int, number: int
    ) -> tuple[Part, Part | None]:
        if given is not None or not check_flag("early_stopping", self.early_stopping):
            return part, given
        fraction = check_number("validation_fraction", self.validation_fraction, 0, 0.5)
        return held_out(part, fraction, self._targets.is_labels, seed, number)

    def _train(
        self, part: Part, chosen: Part | None, number: int, report: Any
    ) -> tuple[SparseExpertModel, dict[str, list[float]], int]:
        """Trains an ensemble; gives it, its losses, and the epoch whose weights it has."""
        recipe = self._recipe(part)
        model = self.models_[number] if self.models_ else recipe.build(self._targets)
        recipe.compile(model, self._targets)
        found: list[Any] = [report]
        stopper = None
        if chosen is not None:
            patience = self.n_iter_no_change
            stopper = gw_callbacks.EarlyStopping(
                "val_loss",
                patience=recipe.epochs if patience is None else patience,
                restore_best_weights=True,
            )
            found.append(stopper)
        history = model.fit(
            part.x,
            part.y,
            sample_weight=part.weight,
            validation_data=None if chosen is None else tuple(chosen),
            batch_size=recipe.batch_size,
            epochs=recipe.epochs,
            verbose=self.verbose,
            callbacks=found,
        )
        best = len(history.epoch) if stopper is None else stopper.best_epoch + 1
        return model, history.history, best

    def _recipe(self, part: Part) -> Recipe:
        return Recipe(self, part.x.shape[1], is_sparse(part.x), len(part.y))

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(_utils.check_random_state(self.random_state).randint(2**31))

    def _training_part(self, X: Any, y: Any, sample_weight: Any) -> Part:
        """Rows of a new training, which set up columns and targets."""
        X, y, weight = self._checked(X, y, sample_weight, reset=True)
        keeps = self.warm_start and hasattr(self, "models_")
        if not keeps:
            self._columns = Columns(self.categorical_features).choose(X)
            self._targets = self._new_targets(y, weight)
        encoded = self._targets.encode(y)
        cells = self._columns.read(X)
        cells, encoded, weight = merged(cells, encoded, self._row_weights(y, weight))
        if not keeps:
            self._columns.fit(cells, weight)
        return Part(self._columns.transform(cells), encoded, weight.astype(np.float32))

    def _later_part(self, X: Any, y: Any, sample_weight: Any) -> Part:
        """Further rows, with the columns and targets that there are."""
        X, y, weight = self._checked(X, y, sample_weight, reset=False)
        weight = self._row_weights(y, weight).astype(np.float32)
        cells = self._columns.read(X)
        return Part(self._columns.transform(cells), self._targets.encode(y), weight)

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
        _validation.check_is_fitted(self, "models_")
        return self._columns.transform(self._columns.read(self._check_rows(X, reset=False)))

    def _outputs(self, X: Any) -> tuple[Any, Floats]:
        """The targets, and the mean outputs of the ensembles for the rows."""
        x = self._inputs(X)
        with threads(self.n_jobs):
            outputs = [model.predict(x, verbose=0) for model in self.models_]
        mean: Floats = np.mean(outputs, axis=0, dtype=np.float64)
        return self._targets, mean

    def _check_settings(self) -> None:
        for name in ("num_experts", "k", "hidden_units", "members"):
            check_integer(name, getattr(self, name), 1)
        if self.k > self.num_experts:
            raise ValueError(f"k: expected at most num_experts = {self.num_experts}, got {self.k}")
        if self.n_iter_no_change is not None:
            check_integer("n_iter_no_change", self.n_iter_no_change, 1)
        for name in ("n_estimators", "max_iter", "batch_size", "learning_rate", "share_experts"):
            value = getattr(self, name)
            if isinstance(value, str) and value != "auto":
                raise ValueError(f"{name}: expected a number or 'auto', got {value!r}")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
