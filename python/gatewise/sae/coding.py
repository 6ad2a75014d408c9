"""Codes of rows: made, undone, judged and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.data import convert, csr
from gatewise.models import Sequential
from gatewise.sae.feeding import as_rows
from gatewise.sae.measures import measure
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise._core import Floats, Labels
    from gatewise.sae.forms import Form


class Coding(Sequential):
    """The part of `SparseAutoencoder` that uses what was learnt."""

    _form: Form

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
            All entries are above the threshold (with `Identity` other than 0); in a row, latents
            ascend.

        Raises
        ------
        TypeError, ValueError
            x is no such array, has another width, or holds NaN or infinity; or the model is not
            built.
        """
        check_flag("dense", dense)
        result = self._form.encode(self._built_graph(), as_rows(x, "x"))
        return result.toarray() if dense else result

    def decode(self, codes: Any) -> Floats:
        """The rows that codes stand for.

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
            It has another width, latents out of range, or holds NaN or infinity; or the model is
            not built.
        """
        return self._form.decode(self._built_graph(), codes)

    def predict(self, x: Any, *args: Any, **settings: Any) -> Any:
        """The reconstruction of rows, or of sparse codes: `Model.predict`, or `decode`."""
        if csr.is_sparse(x):
            return self.decode(x)
        return super().predict(x, *args, **settings)

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
            of latents that are above 0 in a row or more.

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        rows = convert.features(as_rows(x, "x"), "x", (None, self.input_shape[-1]))
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
            `((W_d q) . z + b . q) / s + c . q`; a code z' by `z . z'`. A stack takes codes alone.
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
        self._built_graph()
        return self._form.search(codes, query, k)
