"""Models of this package as scikit-learn estimators."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gatewise._extras import import_extra
from gatewise.callbacks import Callback
from gatewise.estimators.columns import Cells
from gatewise.estimators.progress import ReportsEpochs, with_callbacks
from gatewise.estimators.rows import Part, check_weights, counted, merged
from gatewise.estimators.targets import BinaryTargets, ValueTargets, label_targets
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


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback):
        return [callbacks]
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"callbacks: expected a list of callbacks, got {type(callbacks).__name__}")
    return list(callbacks)


class _ModelEstimator(ReportsEpochs, BaseEstimator):  # type: ignore[misc]
    """What the two wrappers share."""

    _learns_values: ClassVar[bool] = False

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

    @with_callbacks
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
        part = counted(Cells(X, None), y, check_weights(sample_weight, X))
        targets = self._new_targets(part.y)
        part = merged(Part(part.x, targets.keys(part.y), part.weight))
        random = _utils.check_random_state(self.random_state)
        seed = int(random.randint(2**31))
        with threads(self.n_jobs), seeds_from(seed):
            model = self._new_model(X.shape[1], int(targets.outputs), seed)
            report = self._epoch_callbacks(X, y, epochs)
            report.fitted = lambda trained: {
                "model_": trained,
                "_targets": targets,
                "n_features_in_": self.n_features_in_,
                **self._fitted_targets(targets),
            }
            history = model.fit(
                part.x.numbers.astype(np.float32),
                targets.encode(part.y),
                sample_weight=part.weight.astype(np.float32),
                epochs=epochs,
                batch_size=self.batch_size,
                verbose=self.verbose,
                callbacks=[*_as_list(self.callbacks), report],
            )
        self.model_, self._targets = model, targets
        self._set(self._fitted_targets(targets))
        self.history_ = history.history
        self.n_iter_ = len(history.epoch)
        report.end()
        return self

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y as arrays."""
        X, y = _validation.validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=self._learns_values,
        )
        y = y.toarray() if hasattr(y, "toarray") else y
        if y.ndim == 1 or y.shape[1] == 1:
            y = _validation.column_or_1d(y, warn=True)
        return X, y

    @abstractmethod
    def _new_targets(self, y: Any) -> Any:
        """Targets for y, whose rows all count."""

    def _fitted_targets(self, targets: Any) -> dict[str, Any]:
        """Attributes that a fit adds for its targets."""
        return {}

    def _given_model(self) -> Model | None:
        """The model that was given, if it was no function."""
        source = self.model.as_model() if isinstance(self.model, Layer) else self.model
        return source if isinstance(source, Model) else None

    def _new_model(self, width: int, outputs: int, seed: int) -> Model:
        """An untrained model, compiled and built for rows of so many values."""
        model = self._given_model()
        if model is None and callable(self.model):
            made = self.model(width, outputs)
            model = made.as_model() if isinstance(made, Layer) else made
            kind = type(made).__name__
        else:
            kind = type(self.model).__name__
        if not isinstance(model, Model):
            raise TypeError(
                "model: expected a compiled model, or a function (inputs, outputs) that makes one, "
                f"got {kind}"
            )
        if not model.get_compile_config():
            raise ValueError("model: expected a compiled model, got an uncompiled one")
        if self._given_model() is not None:
            model = new_model("model", model, seed)
        if not model.built:
            model.build((None, width))
        if model.output_shape[-1] != outputs:
            raise ValueError(
                f"model: expected {outputs} outputs for these targets, got {model.output_shape[-1]}"
            )
        self._check_loss(model)
        return model

    def _check_loss(self, model: Model) -> None:
        """Raises ValueError if the outputs are not what the estimator takes them for."""

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
    ...     layers = [gw.layers.Dense(16, "relu"), gw.layers.Dense(outputs, "softmax")]
    ...     model = gw.Sequential([gw.Input((inputs,)), *layers])
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

    def predict_log_proba(self, X: Any) -> Doubles:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            result: Doubles = np.log(self.predict_proba(X))
        return result

    def decision_function(self, X: Any) -> Doubles:
        """Log odds for two classes `(n,)` and several labels `(n, t)`; else log probabilities."""
        outputs = self._outputs(X)
        result: Doubles = self._targets.scores(outputs)
        return result

    def _new_targets(self, y: Any) -> Any:
        if self._has_one_output() and y.ndim == 1 and len(np.unique(y)) == 2:
            return BinaryTargets().fit(y)
        return label_targets(y).fit(y)

    def _fitted_targets(self, targets: Any) -> dict[str, Any]:
        return {"classes_": targets.classes}

    def _check_loss(self, model: Model) -> None:
        if "'from_logits': True" in str(model.get_compile_config()["loss"]):
            raise ValueError(
                "model: expected one that predicts probabilities, got a loss with from_logits=True"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self._learns_flags()
        return tags

    def _has_one_output(self) -> bool:
        model = self._given_model()
        if model is None:
            return False
        last = model.layers[-1]
        units = model.output_shape[-1] if model.built else getattr(last, "units", None)
        return bool(units == 1)

    def _learns_flags(self) -> bool:
        """Whether the model has several sigmoids; of a function it is not known."""
        model = self._given_model()
        config = None if model is None else model.get_compile_config()
        if not config or self._has_one_output():
            return False
        described = str(config["loss"])
        return "binary_crossentropy" in described or "binary_focal_crossentropy" in described


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

    _learns_values = True

    def predict(self, X: Any) -> Doubles:
        """Values of each row, `(n,)`, or `(n, t)` if y had several columns."""
        outputs = self._outputs(X)
        result: Doubles = self._targets.decode(outputs)
        return result

    def _new_targets(self, y: Any) -> Any:
        return ValueTargets().fit(y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
