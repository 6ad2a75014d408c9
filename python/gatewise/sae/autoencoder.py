"""The model of one sparse dictionary."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data import convert, csr
from gatewise.models import Sequential
from gatewise.registry import Config
from gatewise.sae import codes as sparse_codes
from gatewise.sae.dictionary import SparseDictionary
from gatewise.sae.measures import measure
from gatewise.sae.units import standard_units
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Floats, Labels
    from gatewise.callbacks import History
    from gatewise.sae.activations import CodeActivation

_ENCODED_ROWS = 1 << 16
"""Rows of a file that are encoded at a time."""


class SparseAutoencoder(Sequential):
    """A dictionary of `latents` directions; each row of x is a sum of few of them.

    `z = f((s (x - c) - b) W_e + b_e)` is the sparse code, `(z W_d + b) / s + c` the reconstruction,
    and the loss its mean squared error.

    Parameters
    ----------
    latents : int
        Rows m of the dictionary.
    activation : str or CodeActivation
        f: which latents are active; `gw.TopK(32)` unless given.
    threshold : float
        Entries of a code at or under it are exactly 0, in training too, and pass no slope.
    center : bool
        Whether c is the mean of the rows that `fit` sees first; else it is 0.
    scale : bool
        Whether s brings those rows, less c, to a mean square of 1 a value; else it is 1.
    unit_norm : bool
        Whether the rows of W_d are kept at length 1.
    input_dim : int, optional
        Width d; that of the first data unless given.
    seed : int, optional
        Of the first weights and of shuffles.
    name : str, optional
        Made unless given.

    Raises
    ------
    ValueError
        An argument is out of range, or k is above `latents`.
    TypeError
        An argument is of another type, or not supported.

    Notes
    -----
    A step costs 2 n d m flops for the encoder; all else follows the active latents.
    `SparseDictionary` has the details. Results have the same bits on any number of threads.

    References
    ----------
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders"; Bricken et al. 2023, "Towards
    monosemanticity".

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 16))
    >>> sae = gw.SparseAutoencoder(64, activation=gw.TopK(4), seed=0)
    >>> sae.compile("adam")
    >>> history = sae.fit(x, epochs=2, verbose=0)
    >>> sae.encode(x).shape
    (200, 64)
    """

    def __init__(
        self,
        latents: int,
        activation: str | CodeActivation | Config = "top_k",
        threshold: float = 0.0,
        center: bool = True,
        scale: bool = True,
        unit_norm: bool = True,
        input_dim: int | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        self.center = check_flag("center", center)
        self.scale = check_flag("scale", scale)
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        dictionary = SparseDictionary(
            latents,
            activation=activation,
            threshold=threshold,
            unit_norm=unit_norm,
            input_dim=input_dim,
        )
        super().__init__([dictionary], name=name)

    def _start(self, name: str | None) -> None:
        super()._start(name)
        self._seed = self.seed

    @property
    def dictionary(self) -> SparseDictionary:
        """The one layer, which holds the parameters."""
        layer = self.layers[0]
        assert isinstance(layer, SparseDictionary)
        return layer

    def add(self, layer: Any) -> None:
        """Refused: an autoencoder is one layer. Put its layer into a `Sequential` of your own."""
        raise TypeError(f"{self.name}: expected no further layer, got {layer!r:.80}")

    def pop(self) -> Any:
        """Refused, as `add` is."""
        raise TypeError(f"{self.name}: expected to keep its one layer")

    def compile(
        self, optimizer: Any = "adam", loss: Any = "mse", *args: Any, **settings: Any
    ) -> None:
        """`Model.compile`, with Adam and the mean squared error unless given."""
        super().compile(optimizer, loss, *args, **settings)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> History:
        """`Model.fit`, with x itself as the target unless y is given.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows. Before the first training their mean and mean square decide c and s.
        y : like x, optional
            What is to be reconstructed from x: a clean y for a noisy x.
        *args, **settings
            See `Model.fit`; `validation_data` may be an array alone.

        Raises
        ------
        TypeError, ValueError, RuntimeError
            See `Model.fit`.
        """
        rows = self._rows(x, "x")
        if not isinstance(rows, np.memmap):  # once, since it is the target too
            width = self.input_shape[-1] if self.built else rows.shape[1]
            rows = convert.features(rows, "x", (None, width))
        if "validation_data" in settings and not isinstance(
            settings["validation_data"], tuple | list | None
        ):
            held_out = self._rows(settings["validation_data"], "validation_data")
            settings["validation_data"] = (held_out, held_out)
        if not self.compiled:
            raise ValueError(f"{self.name}: expected a compiled model; call compile first")
        self._build_from_data([(None, *rows.shape[1:])])
        if self.dictionary.is_standardized:
            return super().fit(rows, rows if y is None else y, *args, **settings)
        self.dictionary.standardize(*standard_units(rows, self.center, self.scale))
        try:
            return super().fit(rows, rows if y is None else y, *args, **settings)
        except BaseException:
            if self._trainer is None or self._trainer.steps == 0:
                self.dictionary.forget_units()
            raise

    def encode(self, x: Any, dense: bool = False) -> Any:
        """The sparse codes of rows.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows.
        dense : bool
            Whether to return an array.

        Returns
        -------
        csr_array (n, m) of float32, or ndarray
            All entries are above the threshold; in a row, latents ascend.

        Raises
        ------
        TypeError, ValueError
            x is no such array, has another width, or holds NaN or infinity; or the model is not
            built.
        """
        check_flag("dense", dense)
        native, width = self.dictionary.native, self.input_shape[-1]
        rows = self._rows(x, "x")
        result = sparse_codes.encode(native, rows, width, self.dictionary.latents, _ENCODED_ROWS)
        return result.toarray() if dense else result

    def decode(self, codes: Any) -> Floats:
        """The rows that codes stand for, `(z W_d + b) / s + c`.

        Parameters
        ----------
        codes : SciPy sparse matrix or array (n, m)
            What `encode` gives.

        Returns
        -------
        ndarray (n, d), float32

        Raises
        ------
        TypeError, ValueError
            It has another width, latents out of range, or holds NaN or infinity.
        """
        return sparse_codes.decode(self.dictionary.native, codes, self.dictionary.latents)

    def predict(self, x: Any, *args: Any, **settings: Any) -> Any:
        """The reconstruction of rows, or of sparse codes: `Model.predict`, or `decode`."""
        if csr.is_sparse(x):
            return self.decode(x)
        return super().predict(x, *args, **settings)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **settings: Any) -> Any:
        """`Model.evaluate`, with x itself as the target unless y is given."""
        return super().evaluate(x, x if y is None else y, *args, **settings)

    def measure(self, x: Any) -> dict[str, float]:
        """How well and how sparsely rows are reconstructed, in the units of x.

        Parameters
        ----------
        x : array (n, d) or `np.memmap`
            Rows, two or more.

        Returns
        -------
        dict
            `mse` the mean squared error a value; `fvu` the share of the variance that is not
            explained, `sum (x - y)^2 / sum (x - mean x)^2`, and `explained_variance` 1 less it;
            `l0` active latents a row; `cosine` the mean of x and y; `l2_ratio` the mean of
            `|y| / |x|`; `relative_bias` of the length, `sum |y|^2 / sum x . y`; `alive` the share
            of latents that are active in a row or more.

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        rows = convert.features(self._rows(x, "x"), "x", (None, self.input_shape[-1]))
        codes = self.encode(rows)
        return measure(rows, codes, self.decode(codes))

    def search(self, codes: Any, query: Any, k: int = 10) -> tuple[Labels, Floats]:
        """The rows of `codes` that are nearest to each query by inner product.

        Parameters
        ----------
        codes : SciPy sparse matrix (n, m)
            Of the rows that are searched.
        query : array (q, d) or (d,), or SciPy sparse matrix (q, m)
            A dense one is scored by its inner product with the reconstruction,
            `((W_d q) . z + b . q) / s + c . q`; a code z' by `z . z'`.
        k : int
            Rows to find for each query, from 1 to n.

        Returns
        -------
        indices : ndarray (q, k), int32
            Best first, ties by the lower index.
        scores : ndarray (q, k), float32

        Raises
        ------
        TypeError, ValueError
            A width does not fit, k is out of range, or NaN or infinity came.
        """
        return sparse_codes.search(self.dictionary, codes, query, k)

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal model."""
        dictionary = self.dictionary.get_config()
        settings = ("latents", "activation", "threshold", "unit_norm")
        return {
            "name": self.name,
            "center": self.center,
            "scale": self.scale,
            "seed": self.seed,
            "input_dim": self.input_shape[-1] if self.built else None,
            "layer_name": dictionary["name"],
            **{name: dictionary[name] for name in settings},
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: None = None) -> Self:
        """A new model of these settings, with new weights."""
        settings = dict(config)
        layer_name = settings.pop("layer_name")
        model = cls(**settings)
        model.dictionary.name = layer_name
        return model

    def _rows(self, x: Any, name: str) -> Any:
        """Rows to learn from or to encode, not yet converted: an array, or a file's memory map."""
        if isinstance(x, str | os.PathLike):
            x = np.load(x, mmap_mode="r", allow_pickle=False)
        array = convert.to_array(x, name)
        if array.ndim != 2:
            raise ValueError(f"{name}: expected rows (n, d), got an array {array.shape}")
        return array
