"""Sparse experts as a scikit-learn classifier and a regressor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.estimators.base import Encoding, SparseExpertEstimator
from gatewise.estimators.rows import Part
from gatewise.estimators.targets import ValueTargets, label_targets

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Doubles
    from gatewise.balance import Balance

_base = import_extra("sklearn.base", "sklearn")
_validation = import_extra("sklearn.utils.validation", "sklearn")

ClassifierMixin: Any = _base.ClassifierMixin
RegressorMixin: Any = _base.RegressorMixin


def _check_same_classes(given: Any, known: Any) -> None:
    if not np.array_equal(given, known):
        raise ValueError(
            f"classes: expected those of the first call, {known.tolist()}, got {given.tolist()}"
        )


class SparseExpertClassifier(ClassifierMixin, SparseExpertEstimator):  # type: ignore[misc]
    """Classifies the rows of a table by an ensemble of sparse experts.

    Members share `num_experts` experts, k of which process a row; each member has its own signs of
    the inputs and its own last layer (see `gw.layers.MemberScale`). Rows of more than 200 inputs,
    and sparse matrices, have members with experts of their own. A few such ensembles are trained,
    each with other rows held out, and probabilities are means over all members of all ensembles.

    Parameters
    ----------
    num_experts : int
        E, experts of a member.
    k : int or "auto"
        Experts of a row: "auto" is 2, or 4 for wide rows.
    hidden_units : int or "auto"
        Hidden units of an expert, and its outputs: "auto" is 64, or 32 for wide rows.
    members : int
        M, members of an ensemble: one native model.
    share_experts : bool or "auto"
        Whether the members of an ensemble share its experts.
    n_estimators : int or "auto"
        Ensembles: "auto" is 4 below 1,000 rows, else 2, or 1 for wide rows.
    max_iter : int or "auto"
        Epochs of an ensemble: "auto" is at least 28 (20 for wide rows), and so many that there are
        3,000 steps (1,500 below 1,000 rows, 2,000 above 5,000, 500 for wide rows), but at most 400.
    batch_size : int or "auto"
        Rows of a step: "auto" is 64 up to 5,000 rows, 128 up to 10,000, and so on; twice as many
        for wide rows.
    learning_rate : float or "auto"
        Peak rate of AdamW: "auto" is `0.01 min(1, sqrt(64 / d))` for d inputs.
    weight_decay : float
        Of AdamW.
    balance : str, Balance or None
        What keeps all experts in use; see `SparseExpertLayer`.
    early_stopping : bool
        If True, rows are held out and the epoch of lowest loss on them is kept.
    validation_fraction : float
        Share of the rows that is held out.
    n_iter_no_change : int, optional
        Epochs without improvement after which a training ends; by default it runs to its end.
    categorical_features : "from_dtype", None, or sequence of int, str or bool
        Columns that are categories. "from_dtype": those of a data frame that are not numbers.
    class_weight : dict, "balanced" or None
        Weights of classes.
    warm_start : bool
        If True, `fit` goes on with the model that there is.
    n_jobs : int, optional
        Threads of a call, -1 for all; as many as `gw.set_num_threads` says if omitted. They do not
        change results.
    random_state : int, RandomState or None
        Seed of initial weights, held-out rows and shuffles.
    verbose : int
        1 shows the epochs.

    Attributes
    ----------
    classes_ : ndarray (C,)
        Labels in sorted order.
    models_ : list of SparseExpertModel
        The trained ensembles, whose inputs are the columns as `fit` made them.
    histories_ : list of dict
        Losses of each epoch, for each ensemble.
    n_iter_ : int
        Epochs that were run.
    best_iter_ : list of int
        The epoch, from 1, whose weights each ensemble has.
    n_features_in_, feature_names_in_
        Of the table of `fit`.

    References
    ----------
    Gorishniy, Kotelnikov and Babenko 2025, "TabM" (members); Shazeer et al. 2017, "Outrageously
    large neural networks" (experts).

    Examples
    --------
    >>> import gatewise as gw
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> model = gw.SparseExpertClassifier(random_state=0).fit(x, y)
    >>> model.predict_proba(x[:2]).shape
    (2, 3)
    """

    def __init__(
        self,
        num_experts: int = 16,
        k: int | str = "auto",
        *,
        hidden_units: int | str = "auto",
        members: int = 8,
        share_experts: bool | str = "auto",
        n_estimators: int | str = "auto",
        max_iter: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.03,
        balance: str | Balance | None = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int | None = None,
        categorical_features: Any = "from_dtype",
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.num_experts = num_experts
        self.k = k
        self.hidden_units = hidden_units
        self.members = members
        self.share_experts = share_experts
        self.n_estimators = n_estimators
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.balance = balance
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Trains on some further rows, once, in their order.

        The first call sets up the columns (means, deviations, categories), and needs all classes
        that later calls bring. The learning rate is a tenth of the peak of `fit`.

        Parameters
        ----------
        X, y, sample_weight
            See `fit`.
        classes : array (C,), optional
            All labels; those of y if omitted.
        """
        if classes is not None and hasattr(self, "models_"):
            _check_same_classes(np.unique(classes), self.classes_)
        self._given_classes = classes
        try:
            return self._fit_once(X, y, sample_weight)
        finally:
            del self._given_classes

    def predict(self, X: Any) -> Any:
        """The most probable label of each row `(n,)`; for several labels flags `(n, t)`."""
        targets, outputs = self._outputs(X)
        return targets.decode(outputs)

    def predict_proba(self, X: Any) -> Doubles:
        """Probability of each class `(n, C)`; for several labels that of each `(n, t)`."""
        targets, outputs = self._outputs(X)
        result: Doubles = targets.probabilities(outputs)
        return result

    def predict_log_proba(self, X: Any) -> Doubles:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            result: Doubles = np.log(self.predict_proba(X))
        return result

    def decision_function(self, X: Any) -> Doubles:
        """Log odds `(n,)` of the second of two classes, or of each of several labels `(n, t)`;
        for more classes logarithms of `predict_proba` `(n, C)`."""
        targets, outputs = self._outputs(X)
        result: Doubles = targets.scores(outputs)
        return result

    def _check_targets(self, y: Any) -> Any:
        if hasattr(y, "tocsr"):
            return y.toarray()
        y = _validation.check_array(
            y, ensure_2d=False, dtype=None, input_name="y", ensure_all_finite=False
        )
        return y if y.ndim == 2 and y.shape[1] > 1 else _validation.column_or_1d(y, warn=True)

    def _new_targets(self, y: Any) -> Any:
        return label_targets(y).fit(y, getattr(self, "_given_classes", None))

    def _fitted_targets(self, targets: Any) -> dict[str, Any]:
        return {"classes_": targets.classes}

    def _row_weights(self, part: Part, encoding: Encoding) -> Any:
        given = self.class_weight
        if given is None:
            return part.weight
        if part.y.ndim > 1:
            raise ValueError("class_weight: expected None with flags of several labels")
        classes = encoding.targets.classes
        if isinstance(given, str):
            if given != "balanced":
                raise ValueError(f"class_weight: expected a dict or 'balanced', got {given!r}")
            sums = np.bincount(part.y, weights=part.weight, minlength=len(classes))
            factors = part.weight.sum() / (np.count_nonzero(sums) * np.maximum(sums, 1e-300))
        else:
            unknown = [each for each in given if each not in classes.tolist()]
            if unknown:
                raise ValueError(f"class_weight: expected classes of y, got {unknown[0]!r}")
            factors = np.array([given.get(each, 1.0) for each in classes.tolist()], np.float64)
        return part.weight * factors[part.y]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class SparseExpertRegressor(RegressorMixin, SparseExpertEstimator):  # type: ignore[misc]
    """Predicts values for the rows of a table by an ensemble of sparse experts.

    As `SparseExpertClassifier`, with the mean squared error of standardized values as loss. y may
    have several columns.

    Parameters
    ----------
    num_experts, k, hidden_units, members, share_experts, n_estimators, max_iter, batch_size
        See `SparseExpertClassifier`.
    learning_rate, weight_decay, balance, early_stopping, validation_fraction
        See `SparseExpertClassifier`.
    n_iter_no_change, categorical_features
        See `SparseExpertClassifier`.
    warm_start, n_jobs, random_state, verbose
        See `SparseExpertClassifier`.

    Attributes
    ----------
    models_, histories_, n_iter_, best_iter_, n_features_in_, feature_names_in_
        See `SparseExpertClassifier`.

    Examples
    --------
    >>> import gatewise as gw
    >>> from sklearn.datasets import load_diabetes
    >>> x, y = load_diabetes(return_X_y=True)
    >>> model = gw.SparseExpertRegressor(random_state=0).fit(x, y)
    >>> model.predict(x[:2]).shape
    (2,)
    """

    def __init__(
        self,
        num_experts: int = 16,
        k: int | str = "auto",
        *,
        hidden_units: int | str = "auto",
        members: int = 8,
        share_experts: bool | str = "auto",
        n_estimators: int | str = "auto",
        max_iter: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.03,
        balance: str | Balance | None = "auto",
        early_stopping: bool = True,
        validation_fraction: float = 0.125,
        n_iter_no_change: int | None = None,
        categorical_features: Any = "from_dtype",
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.num_experts = num_experts
        self.k = k
        self.hidden_units = hidden_units
        self.members = members
        self.share_experts = share_experts
        self.n_estimators = n_estimators
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.balance = balance
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.categorical_features = categorical_features
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains on some further rows, once, in their order.

        The first call sets up the columns (means, deviations, categories) and the scale of y. The
        learning rate is a tenth of the peak of `fit`.

        Parameters
        ----------
        X, y, sample_weight
            See `fit`.
        """
        return self._fit_once(X, y, sample_weight)

    def predict(self, X: Any) -> Doubles:
        """Values of each row, `(n,)`, or `(n, t)` if y had several columns."""
        targets, outputs = self._outputs(X)
        result: Doubles = targets.decode(outputs)
        return result

    def _check_targets(self, y: Any) -> Any:
        y = _validation.check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        return y if y.ndim == 2 and y.shape[1] > 1 else _validation.column_or_1d(y, warn=True)

    def _new_targets(self, y: Any) -> Any:
        return ValueTargets().fit(y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
