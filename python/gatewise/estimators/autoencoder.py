"""A sparse autoencoder as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise._extras import import_extra
from gatewise.estimators.columns import Cells
from gatewise.estimators.progress import ReportsEpochs, with_callbacks
from gatewise.estimators.rows import check_weights, counted, merged
from gatewise.estimators.threads import threads
from gatewise.optimizers import Adam
from gatewise.sae import SparseAutoencoder
from gatewise.utils.checks import check_integer, check_number

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Floats

_base = import_extra("sklearn.base", "sklearn")
_utils = import_extra("sklearn.utils", "sklearn")
_validation = import_extra("sklearn.utils.validation", "sklearn")

BaseEstimator: Any = _base.BaseEstimator
NamedOutputs: Any = _base.ClassNamePrefixFeaturesOutMixin
TransformerMixin: Any = _base.TransformerMixin


class SparseAutoencoderTransformer(
    NamedOutputs,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    ReportsEpochs,
    BaseEstimator,  # type: ignore[misc]
):
    """Turns rows into sparse codes: a few of many latents describe each row.

    Parameters
    ----------
    latents : int
        Size m of the code.
    activation : str or CodeActivation, optional
        What selects the active latents; `gw.TopK()` if omitted.
    max_iter : int
        Epochs.
    batch_size : int
        Rows of a step.
    learning_rate : float or "auto"
        Rate of Adam; "auto" is the recipe of `SparseAutoencoder.compile`.
    sparse_output : bool
        If True, codes are SciPy CSR; pandas and polars output needs False.
    n_jobs : int, optional
        Threads of a call, -1 for all; they do not change results.
    random_state : int, RandomState or None
        Seed of initial weights and shuffles.
    verbose : int
        1 shows the epochs.

    Attributes
    ----------
    components_ : ndarray (m, d)
        Directions of which rows are sums.
    model_ : SparseAutoencoder
        The trained autoencoder: `model_.report(x)`, `model_.search(...)`, `model_.save(path)`.
    history_ : dict
        Losses and FVU of each epoch.
    n_iter_ : int
        Epochs run.
    n_features_in_, feature_names_in_
        Of the table of `fit`.

    Examples
    --------
    >>> import gatewise as gw
    >>> from sklearn.datasets import load_digits
    >>> x, _ = load_digits(return_X_y=True)
    >>> coder = gw.SparseAutoencoderTransformer(64, activation=gw.TopK(4), random_state=0)
    >>> coder.fit_transform(x).shape
    (1797, 64)
    """

    def __init__(
        self,
        latents: int = 256,
        activation: Any = None,
        *,
        max_iter: int = 20,
        batch_size: int = 32,
        learning_rate: float | str = "auto",
        sparse_output: bool = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.latents = latents
        self.activation = activation
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.sparse_output = sparse_output
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Trains the autoencoder.

        Parameters
        ----------
        X : array, SciPy sparse matrix or data frame of numbers (n, d)
            Rows.
        y : ignored
        sample_weight : array (n,), optional
            Weight of each row. Up to 10,000 rows, a row of weight w counts exactly as w rows.

        Raises
        ------
        ValueError
            A setting is out of range, or a value is not finite.
        """
        X = self._check_rows(X, reset=True)
        weight = check_weights(sample_weight, X)
        part = merged(counted(Cells(X, None), np.zeros(X.shape[0]), weight))
        epochs = check_integer("max_iter", self.max_iter, 1)
        random = _utils.check_random_state(self.random_state)
        model = SparseAutoencoder(
            self.latents, activation=self.activation, seed=int(random.randint(2**31))
        )
        rate = self.learning_rate
        model.compile("auto" if rate == "auto" else Adam(check_number("learning_rate", rate, 0)))
        report = self._epoch_callbacks(X, y, epochs)
        with threads(self.n_jobs):
            history = model.fit(
                part.x.numbers.astype(np.float32),
                sample_weight=part.weight.astype(np.float32),
                epochs=epochs,
                batch_size=self.batch_size,
                verbose=self.verbose,
                callbacks=[report],
            )
        self.model_ = model
        self.history_ = history.history
        self.n_iter_ = len(history.epoch)
        report.end()
        return self

    def transform(self, X: Any) -> Any:
        """Codes of rows `(n, m)`: CSR, or an array if `sparse_output` is False."""
        _validation.check_is_fitted(self, "model_")
        X = self._check_rows(X, reset=False)
        with threads(self.n_jobs):
            codes = self.model_.encode(X.astype(np.float32)).astype(X.dtype)
        return codes if self.sparse_output else codes.toarray()

    def inverse_transform(self, X: Any) -> Floats:
        """Rows `(n, d)` that codes describe.

        Parameters
        ----------
        X : array or SciPy sparse matrix (n, m)
            Codes.
        """
        _validation.check_is_fitted(self, "model_")
        codes = _validation.check_array(
            X, accept_sparse="csr", dtype=[np.float64, np.float32], estimator=self
        )
        with threads(self.n_jobs):
            result: Floats = self.model_.decode(codes.astype(np.float32)).astype(codes.dtype)
        return result

    @property
    def components_(self) -> Floats:
        _validation.check_is_fitted(self, "model_")
        directions: Floats = self.model_.dictionary.native.get("decoder")
        return directions

    @property
    def _n_features_out(self) -> int:
        return int(self.model_.latents)

    def _check_rows(self, X: Any, reset: bool) -> Any:
        return _validation.validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=[np.float64, np.float32]
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
