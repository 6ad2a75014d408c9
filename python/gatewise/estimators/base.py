"""What the classifier and the regressor of sparse experts share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gatewise import callbacks as gw_callbacks
from gatewise._extras import import_extra
from gatewise.data.csr import is_sparse
from gatewise.estimators.columns import Columns, is_frame
from gatewise.estimators.progress import Epochs, ReportsEpochs, with_callbacks
from gatewise.estimators.recipe import Recipe
from gatewise.estimators.rows import Part, check_weights, counted, held_out, merged
from gatewise.estimators.threads import at_once, threads
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
_AUTOMATIC = (
    *("k", "hidden_units", "n_estimators", "max_iter"),
    *("batch_size", "learning_rate", "share_experts"),
)
"""Settings that may be "auto"."""


class Encoding(NamedTuple):
    """How a table becomes what models learn."""

    columns: Columns
    targets: Any

    def inputs(self, X: Any) -> Any:
        """What models read of a table."""
        return self.columns.transform(self.columns.read(X))


class SparseExpertEstimator(ReportsEpochs, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; a subclass chooses the targets."""

    models_: list[SparseExpertModel]
    _encoding: Encoding
    _recipe_class: type[Recipe] = Recipe

    @with_callbacks
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
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val, y_val: expected both or none")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val: expected X_val with it, got none")
        goes_on = self.warm_start and hasattr(self, "models_")
        encoding, part = self._read(X, y, sample_weight, self._encoding if goes_on else None)
        part = self._training_part(encoding, part, learns=not goes_on)
        given = None
        if X_val is not None:
            _, given = self._read(X_val, y_val, sample_weight_val, encoding)
            given = self._later_part(encoding, given)
        seed, recipe = self._seed(), self._recipe(part)
        with threads(self.n_jobs), seeds_from(seed):
            models = self.models_ if goes_on else recipe.build_all(encoding.targets)
            report = self._epoch_callbacks(X, y, len(models) * recipe.epochs)
            report.fitted = lambda model: {
                "models_": models[: models.index(model) + 1],
                "_encoding": encoding,
                "n_features_in_": self.n_features_in_,
                **self._fitted_targets(encoding.targets),
            }

            def train(number: int) -> Any:
                split = self._split(part, given, encoding, seed, number)
                return self._train(models[number], encoding, *split, report)

            if self.verbose or report.is_heard:
                trained = [train(number) for number in range(len(models))]
            else:
                trained = at_once(train, models)
        histories, best = zip(*trained, strict=True)
        self.models_, self._encoding = models, encoding
        self.histories_, self.best_iter_ = list(histories), list(best)
        self.n_iter_ = max(len(each["loss"]) for each in histories)
        self._trains_alone = False
        self._set(self._fitted_targets(encoding.targets))
        report.end()
        return self

    def routing(self, X: Any) -> tuple[Labels, Floats]:
        """Experts of each row and their weights, `(members of all ensembles, n, k)` both.

        Experts are numbered over all ensembles, those of the first one first; members with experts
        of their own have `num_experts` numbers each.
        """
        x = self._inputs(X)
        with threads(self.n_jobs):
            found = [model.routing(x) for model in self.models_]
        layer = self.models_[0].expert_layer
        experts = layer.members * layer.num_experts
        indices = [
            each.reshape(-1, x.shape[0], each.shape[1]) + number * experts
            for number, (each, _) in enumerate(found)
        ]
        weights = [each.reshape(-1, x.shape[0], each.shape[1]) for _, each in found]
        return np.concatenate(indices), np.concatenate(weights)

    def expert_load(self, X: Any) -> ExpertLoad:
        """How the rows spread over the experts of all ensembles; see `ExpertLoad`."""
        x = self._inputs(X)
        with threads(self.n_jobs):
            rows = [model.expert_load(x).rows for model in self.models_]
        return ExpertLoad.from_rows(np.concatenate(rows))

    @abstractmethod
    def _new_targets(self, y: Any) -> Any:
        """Targets for y, whose rows all count."""

    @abstractmethod
    def _check_targets(self, y: Any) -> Any:
        """y as an array; ValueError if it is none."""

    def _row_weights(self, part: Part, encoding: Encoding) -> Any:
        """Weights of rows; a classifier multiplies those of classes."""
        return part.weight

    def _fitted_targets(self, targets: Any) -> dict[str, Any]:
        """Attributes that a fit adds for its targets."""
        return {}

    def _fit_once(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """One pass over some rows, in their order; the first call sets up columns and model."""
        self._check_settings()
        is_first = not hasattr(self, "models_")
        encoding, part = self._read(X, y, sample_weight, None if is_first else self._encoding)
        if is_first:
            self._learn(part, encoding)
        part = self._later_part(encoding, part)
        recipe = self._recipe(part)
        with threads(self.n_jobs), seeds_from(self._seed()):
            models = [recipe.build(encoding.targets)] if is_first else self.models_
            for model in models:
                if is_first or not self._trains_alone:
                    recipe.compile_for_single_passes(model, encoding.targets)
                model.fit(
                    part.x,
                    part.y,
                    sample_weight=part.weight,
                    batch_size=recipe.batch_size,
                    shuffle=False,
                    verbose=0,
                )
        self.models_, self._encoding, self._trains_alone = models, encoding, True
        self._set(self._fitted_targets(encoding.targets))
        self.n_iter_ = 1 if is_first else self.n_iter_ + 1
        return self

    def _split(
        self, part: Part, given: Part | None, encoding: Encoding, seed: int, number: int
    ) -> tuple[Part, Part | None]:
        if given is not None or not check_flag("early_stopping", self.early_stopping):
            return part, given
        fraction = check_number("validation_fraction", self.validation_fraction, 0, 0.5)
        return held_out(part, fraction, encoding.targets.is_labels, seed, number)

    def _train(
        self,
        model: SparseExpertModel,
        encoding: Encoding,
        part: Part,
        chosen: Part | None,
        report: Epochs,
    ) -> tuple[dict[str, list[float]], int]:
        """Trains an ensemble; gives its losses, and the epoch whose weights it has."""
        recipe = self._recipe(part)
        recipe.compile(model, encoding.targets)
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
        return history.history, best

    def _recipe(self, part: Part) -> Recipe:
        return self._recipe_class(self, part.x.shape[1], is_sparse(part.x), len(part.y))

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return check_integer("random_state", self.random_state, 0)
        return int(_utils.check_random_state(self.random_state).randint(2**31))

    def _read(
        self, X: Any, y: Any, sample_weight: Any, known: Encoding | None
    ) -> tuple[Encoding, Part]:
        """The rows that count, with keys of targets, and their encoding: a new one, if None."""
        X, y, weight = self._checked(X, y, sample_weight, reset=known is None)
        columns = Columns(self.categorical_features).choose(X) if known is None else known.columns
        part = counted(columns.read(X), y, weight)
        encoding = known or Encoding(columns, self._new_targets(part.y))
        return encoding, Part(part.x, encoding.targets.keys(part.y), part.weight)

    def _learn(self, part: Part, encoding: Encoding) -> None:
        """Learns means, deviations and categories from cells and keys of targets."""
        encoding.columns.fit(part.x, part.weight)
        if not encoding.targets.is_labels:
            encoding.targets.fit_scale(part.y, part.weight)

    def _training_part(self, encoding: Encoding, part: Part, learns: bool) -> Part:
        """Rows of a training, from which a new one learns columns and targets."""
        part = merged(part)
        weight = self._row_weights(part, encoding)
        part = Part(part.x, part.y, weight / weight.mean())
        if learns:
            self._learn(part, encoding)
        inputs = encoding.columns.transform(part.x)
        return Part(inputs, encoding.targets.encode(part.y), part.weight.astype(np.float32))

    def _later_part(self, encoding: Encoding, part: Part) -> Part:
        """Further rows, in their order."""
        weight = self._row_weights(part, encoding).astype(np.float32)
        return Part(encoding.columns.transform(part.x), encoding.targets.encode(part.y), weight)

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
        return self._encoding.inputs(self._check_rows(X, reset=False))

    def _outputs(self, X: Any) -> tuple[Any, Floats]:
        """The targets, and the mean outputs of the ensembles for the rows."""
        x = self._inputs(X)
        with threads(self.n_jobs):
            outputs = [model.predict(x, verbose=0) for model in self.models_]
        mean: Floats = np.mean(outputs, axis=0, dtype=np.float64)
        return self._encoding.targets, mean

    def _check_settings(self) -> None:
        for name in ("num_experts", "members"):
            check_integer(name, getattr(self, name), 1)
        for name in _AUTOMATIC:
            value = getattr(self, name)
            if isinstance(value, str) and value != "auto":
                raise ValueError(f"{name}: expected a number or 'auto', got {value!r}")
        if self.k != "auto" and check_integer("k", self.k, 1) > self.num_experts:
            raise ValueError(f"k: expected at most num_experts = {self.num_experts}, got {self.k}")
        if self.n_iter_no_change is not None:
            check_integer("n_iter_no_change", self.n_iter_no_change, 1)
        check_flag("warm_start", self.warm_start)
        if self.share_experts != "auto":
            check_flag("share_experts", self.share_experts)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
