"""Codes of rows: made, undone, judged and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewise.data import convert, csr
from gatewise.models import Sequential
from gatewise.sae.architecture import ENCODE_BLOCK_ROWS
from gatewise.sae.measures import Measures
from gatewise.sae.training_data import as_rows
from gatewise.utils.checks import check_flag

if TYPE_CHECKING:
    from gatewise._core import Floats, Labels
    from gatewise.sae.architecture import Architecture
    from gatewise.sae.report import Report


class EncodingModel(Sequential):
    """The part of `SparseAutoencoder` that uses what was learnt."""

    _architecture: Architecture

    def encode(self, x: Any, dense: bool = False, refit: bool = False) -> Any:
        """The sparse codes of rows.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows.
        dense : bool
            Whether to return an array.
        refit : bool
            Whether values are fitted to each row anew, on the latents that its code has:
            `z = argmin |s (x - c) - b - z W_d|^2` over `z >= 0`, and so, up to rounding, never
            further from the row than the encoder's. Costs `k^2 d` flops a row of k entries; in as
            many bytes, codes reconstruct better and are found better by `search`. Not with
            `Identity`, `KL` or a stack. (Franc, Hlavac and Navara 2005, "Sequential
            coordinate-wise algorithm for the non-negative least squares problem".)

        Returns
        -------
        csr_array (n, m) of float32, or ndarray
            All entries are above the threshold (with `Identity` other than 0); in a row, latents
            ascend.

        Raises
        ------
        TypeError, ValueError
            x is no such array, has another width, or holds NaN or infinity; the model is not
            built; or it cannot refit.
        """
        check_flag("dense", dense)
        check_flag("refit", refit)
        result = self._architecture.encode(self._built_graph(), as_rows(x, "x"), refit)
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
        return self._architecture.decode(self._built_graph(), codes)

    def predict(self, x: Any, *args: Any, **settings: Any) -> Any:
        """The reconstruction of rows, or of sparse codes: `Model.predict`, or `decode`."""
        if csr.is_sparse(x):
            if args or settings:
                raise TypeError("predict: expected codes alone, without further arguments")
            return self.decode(x)
        return super().predict(x, *args, **settings)

    def measure(self, x: Any, y: Any = None, cosines: bool = True) -> dict[str, Any]:
        """How well and how sparsely rows are reconstructed, in the units of x.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows; a file is read in parts.
        y : like x, optional
            What is to be reconstructed; x itself unless given.
        cosines : bool
            Whether rows of W_d are compared, at 2 m^2 d flops.

        Returns
        -------
        dict
            `mse` the mean squared error a value; `fvu` the share of the variance that is not
            explained, `sum (x - y)^2 / sum (x - mean x)^2`, and `explained_variance` 1 less it;
            `l0` active latents a row; `cosine` the mean of x and y; `l2_ratio` the mean of
            `|y| / |x|`; `relative_bias` of the length, `sum |y|^2 / sum x . y`; `alive` and `dead`
            the shares of latents that are above 0 in a row or more, and in none; `density`, how
            many latents are active in which share of the rows: `counts` between `edges`, and
            `never`. Of a dictionary also `largest_cosine` between two rows of W_d, and which two,
            `largest_cosine_pair`.

        Raises
        ------
        TypeError, ValueError
            As `encode`.
        """
        check_flag("cosines", cosines)
        graph, rows = self._built_graph(), as_rows(x, "x")
        targets = rows if y is None else as_rows(y, "y")
        if targets.shape != rows.shape:
            raise ValueError(f"y: expected the shape of x, {rows.shape}, got {targets.shape}")
        measures = Measures()
        for start in range(0, len(rows), ENCODE_BLOCK_ROWS):
            row_range = range(start, min(start + ENCODE_BLOCK_ROWS, len(rows)))
            part = slice(start, row_range.stop)
            codes = self._architecture.encode(graph, rows[part])
            name = "x" if y is None else "y"
            expected = convert.features(targets[part], name, (None, rows.shape[1]), row_range)
            measures.add(expected, codes, self._architecture.decode(graph, codes))
        return measures.result(self._architecture.directions if cosines else None)

    def report(self, x: Any, **settings: Any) -> Report:
        """What latents stand for: the rows they are strongest in, and the latents most like them.

        Text when printed, a table in a notebook.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows.
        **settings
            `texts`, one for each row; `shape`, to show rows as images; `features`, `rows`,
            `neighbours`, `most`: see `gw.sae.report.report`.

        Raises
        ------
        TypeError, ValueError
            As `encode`, or a setting does not fit.
        """
        from gatewise.sae.report import report

        directions = self._architecture.directions
        if directions is None:
            raise ValueError(f"{self.name}: expected a dictionary, a stack's units are no rows")
        rows = as_rows(x, "x")
        return report(self.encode(rows), directions, rows, **settings)

    def to_bytes(self, codes: Any, bits: int = 8) -> bytes:
        """Codes in few bytes: indices exact, values in `bits` bits, entropy-coded.

        Parameters
        ----------
        codes : SciPy sparse matrix (n, m)
            What `encode` gives.
        bits : int
            8 or 16, steps between the least and the largest value, or 32: exact float32.

        Returns
        -------
        bytes
            Which `from_bytes` reads; `len` of it is what they take.

        Raises
        ------
        TypeError, ValueError
            A width does not fit, or values are not above 0.
        """
        from gatewise.sae.code_serialization import to_bytes

        if not csr.is_sparse(codes):
            raise TypeError(f"codes: expected a SciPy sparse matrix, got {type(codes).__name__}")
        self._check_width(codes)
        return to_bytes(codes, bits)

    def from_bytes(self, data: bytes) -> Any:
        """The codes that `to_bytes` stored, as `csr_array`; ValueError if these are none of them.

        Values are within half a step of what they were.
        """
        from gatewise.sae.code_serialization import from_bytes

        codes = from_bytes(data)
        self._check_width(codes)
        return codes

    def _check_width(self, codes: Any) -> None:
        if codes.shape[1] != self._architecture.latents:
            raise ValueError(
                f"codes: expected {self._architecture.latents} latents a row, got {codes.shape[1]}"
            )

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
        return self._architecture.search(codes, query, k)
