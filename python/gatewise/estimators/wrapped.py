"""Models of this package as scikit-learn estimators."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.estimators.columns import Cells
from gatewise.estimators.progress import ReportsEpochs
from gatewise.estimators.rows import check_weights, merged
from gatewise.estimators.targets import BinaryTargets, label_targets
from gatewise.estimators.threads import threads
from gatewise.layers import Layer
from gatewise.models import Model
from gatewise.utils.checks import check_integer
from gatewise.utils.random import seeds_from
from gatewise.validation.candidates import new_model

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Doubles

_base = import_extra("sklearn.base", "sklearn")
_utils = import_extra("sklearn.utils", "sklearn")
_validation = import_extra("sklearn.utils.validation", "sklearn")

BaseEstimator: Any = _base.BaseEstimator
ClassifierMixin: Any = _base.ClassifierMixin
RegressorMixin: Any = _base.RegressorMixin


class _ModelEstimator(ReportsEpochs, BaseEstimator):  # type: ignore[misc]
    """What the two wrappers share."""

    def __init__(
        self,
        model: Any,
        *,
        epochs: int = 20,
        batch_size: int = 32,
        callbacks: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains a new copy of the model.

        Parameters
        ----------
        X : array, SciPy sparse matrix or data frame of numbers (n, d)
            Rows.
        y : array (n,) or (n, t)
            Labels of any type, flags of several labels, or values.
        sample_weight : array (n,), optional
            Weight of each row. Up to 10,000 rows, a row of weight w counts exactly as w rows.

        Raises
        ------
        ValueError
            The model is not compiled, or does not fit X and y.
        TypeError
            `model` is neither a model nor a function that makes one.
        """
        epochs = check_integer("epochs", self.epochs, 1)
        X, y = self._check_data(X, y)
        weight = check_weights(sample_weight, X)
        self._fit_targets(y[weight > 0] if (weight > 0).any() else y)
        part = merged(Cells(X, None), self._encoded(y), weight)
        random = _utils.check_random_state(self.random_state)
        seed = int(random.randint(2**31))
        with threads(self.n_jobs), seeds_from(seed):
            model = self._new_model(X.shape[1], seed)
            report = self._epoch_callbacks(X, y, epochs)
            history = model.fit(
                part.x.numbers.astype(np.float32),
                part.y,
                sample_weight=part.weight.astype(np.float32),
                epochs=epochs,
                batch_size=self.batch_size,
                verbose=self.verbose,
                callbacks=[*(self.callbacks or ()), report],
            )
        report.end()
        self.model_ = model
        self.history_ = history.history
        self.n_iter_ = len(history.epoch)
        return self

    @abstractmethod
    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y as arrays."""

    @abstractmethod
    def _fit_targets(self, y: Any) -> None:
        """Learns what the outputs mean."""

    @abstractmethod
    def _encoded(self, y: Any) -> Any:
        """y as the model's loss expects it."""

    @abstractmethod
    def _output_count(self) -> int:
        """Outputs that y asks for."""

    def _given_model(self) -> Model | None:
        """The model that was given, if it was no function."""
        source = self.model.as_model() if isinstance(self.model, Layer) else self.model
        return source if isinstance(source, Model) else None

    def _new_model(self, width: int, seed: int) -> Any:
        outputs = self._output_count()
        model = self._given_model()
        if model is not None:
            model = new_model("model", model, seed)
        elif callable(self.model):
            model = self.model(width, outputs)
            if isinstance(model, Layer):
                model = model.as_model()
        if not isinstance(model, Model):
            raise TypeError(
                "model: expected a compiled model, or a function (inputs, outputs) that makes one, "
                f"got {type(model).__name__}"
            )
        if not model.get_compile_config():
            raise ValueError("model: expected a compiled model, got an uncompiled one")
        if model.output_shape is not None and model.output_shape[-1] != outputs:
            raise ValueError(
                f"model: expected {outputs} outputs for these targets, got {model.output_shape[-1]}"
            )
        return model

    def _outputs(self, X: Any) -> Any:
        _validation.check_is_fitted(self, "model_")
        X = _validation.validate_data(
            self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32]
        )
        with threads(self.n_jobs):
            return self.model_.predict(X.astype(np.float32), verbose=0)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class ModelClassifier(ClassifierMixin, _ModelEstimator):  # type: ignore[misc]
    """Any model of this package that predicts probabilities, as a classifier.

    Parameters
    ----------
    model : Model, Layer or callable
        A compiled model, of which `fit` trains a new copy; or a function `(inputs, outputs)` that
        returns one, so that its sizes follow the table.
    epochs, batch_size, callbacks, verbose
        See `Model.fit`.
    n_jobs : int, optional
        Threads of a call, -1 for all; they do not change results.
    random_state : int, RandomState or None
        Seed of initial weights and shuffles.

    Attributes
    ----------
    classes_ : ndarray (C,)
        Labels in sorted order, which are the model's outputs.
    model_ : Model
        The trained model.
    history_ : dict
        Losses of each epoch.

    Examples
    --------
    >>> import gatewise as gw
    >>> from sklearn.datasets import load_iris
    >>> def make(inputs, outputs):
    ...     model = gw.SparseExpertModel(4, inputs, outputs, expert=gw.experts.MLP(16))
    ...     model.compile("adam", "sparse_categorical_crossentropy")
    ...     return model
    >>> x, y = load_iris(return_X_y=True)
    >>> model = gw.estimators.ModelClassifier(make, random_state=0).fit(x, y)
    >>> model.predict_proba(x[:2]).shape
    (2, 3)
    """

    def predict(self, X: Any) -> Any:
        """The most probable label of each row `(n,)`; for several labels flags `(n, t)`."""
        outputs = self._outputs(X)
        return self._targets.decode(outputs)

    def predict_proba(self, X: Any) -> Doubles:
        """Probability of each class `(n, C)`; for several labels that of each `(n, t)`."""
        outputs = self._outputs(X)
        result: Doubles = self._targets.probabilities(outputs)
        return result

    def decision_function(self, X: Any) -> Doubles:
        """Log odds for two classes `(n,)` and several labels `(n, t)`; else log probabilities."""
        outputs = self._outputs(X)
        result: Doubles = self._targets.scores(outputs)
        return result

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = _validation.validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=False,
        )
        y = y.toarray() if hasattr(y, "toarray") else y
        if y.ndim == 1 or y.shape[1] == 1:
            y = _validation.column_or_1d(y, warn=True)
        return X, y

    def _fit_targets(self, y: Any) -> None:
        targets = label_targets(y)
        if self._has_one_output() and y.ndim == 1 and len(np.unique(y)) == 2:
            targets = BinaryTargets()
        self._targets = targets.fit(y)
        self.classes_ = self._targets.classes

    def _encoded(self, y: Any) -> Any:
        return self._targets.encode(y)

    def _output_count(self) -> int:
        return int(self._targets.outputs)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self._learns_flags()
        return tags

    def _has_one_output(self) -> bool:
        model = self._given_model()
        return model is not None and model.built and model.output_shape[-1] == 1

    def _learns_flags(self) -> bool:
        """Whether the model has several sigmoids; of a function it is not known."""
        model = self._given_model()
        config = None if model is None else model.get_compile_config()
        if not config or self._has_one_output():
            return False
        return "binary_crossentropy" in str(config["loss"])


class ModelRegressor(RegressorMixin, _ModelEstimator):  # type: ignore[misc]
    """Any model of this package that predicts values, as a regressor.

    Targets are not scaled; `sklearn.compose.TransformedTargetRegressor` does that.

    Parameters
    ----------
    model, epochs, batch_size, callbacks, n_jobs, random_state, verbose
        See `ModelClassifier`.

    Attributes
    ----------
    model_, history_
        See `ModelClassifier`.
    """

    def predict(self, X: Any) -> Doubles:
        """Values of each row, `(n,)`, or `(n, t)` if y had several columns."""
        outputs = self._outputs(X).astype(np.float64)
        result: Doubles = outputs[:, 0] if self._is_column else outputs
        return result

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        X, y = _validation.validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = _validation.column_or_1d(y, warn=True)
        return X, y

    def _fit_targets(self, y: Any) -> None:
        self._is_column = y.ndim == 1
        self._width = 1 if self._is_column else y.shape[1]

    def _encoded(self, y: Any) -> Any:
        return np.asarray(y, np.float32).reshape(len(y), self._width)

    def _output_count(self) -> int:
        return self._width

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
