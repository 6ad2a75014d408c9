"""Encode, decode, measure and search with a trained autoencoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.data import convert, csr
from gatewise.models import Sequential
from gatewise.sae.architecture import ENCODE_BLOCK_ROWS
from gatewise.sae.measures import Measures
from gatewise.sae.training_data import as_rows
from gatewise.training.progress import Verbose, tracked
from gatewise.utils.checks import check_flag, check_integer, check_number

if TYPE_CHECKING:
    from gatewise._core import Floats, Labels
    from gatewise.sae.architecture import Architecture
    from gatewise.sae.report import Report


class EncodingModel(Sequential):
    """The part of `SparseAutoencoder` that uses the trained model."""

    _architecture: Architecture

    def encode(
        self, x: Any, dense: bool = False, refit: bool = False, verbose: Verbose = "auto"
    ) -> Any:
        """The sparse codes of rows.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows.
        dense : bool
            If True, return an array.
        refit : bool
            If True, recompute the values of each code, with its latents fixed:
            `z = argmin |s (x - c) - b - z W_d|^2` over `z >= 0`. Up to rounding, no row is
            reconstructed worse. Costs `k^2 d` flops per row of k nonzeros; codes of the same size
            in bytes reconstruct better and have a higher recall in `search`. Not with `Identity`,
            `KL` or a stack. (Franc, Hlavac and Navara 2005, "Sequential coordinate-wise algorithm
            for the non-negative least squares problem".)
        verbose : 0, 1, 2 or "auto"
            0 for no bar where many rows take longer than a second.

        Returns
        -------
        csr_array (n, m) of float32, or ndarray
            All nonzeros exceed the threshold (with `Identity`: are not 0). Indices ascend within a
            row.

        Raises
        ------
        TypeError, ValueError
            x is not such an array, has another width, or contains NaN or infinity; the model is
            not built, or does not support `refit`.
        """
        check_flag("dense", dense)
        check_flag("refit", refit)
        result = self._architecture.encode(self._built_graph(), as_rows(x, "x"), refit, verbose)
        return result.toarray() if dense else result

    def decode(self, codes: Any) -> Floats:
        """The reconstructions from codes.

        Parameters
        ----------
        codes : SciPy sparse matrix or array (n, m)
            As returned by `encode`.

        Returns
        -------
        ndarray (n, d), float32

        Raises
        ------
        TypeError, ValueError
            codes have another width, indices out of range, NaN or infinity; or the model is not
            built.
        """
        return self._architecture.decode(self._built_graph(), codes)

    def predict(self, x: Any, *args: Any, **settings: Any) -> Any:
        """The reconstructions of rows by `Model.predict`, or from sparse codes by `decode`.

        Raises
        ------
        TypeError, ValueError
            As for `encode` and `decode`; or codes come with further arguments.
        """
        if csr.is_sparse(x):
            if args or settings:
                raise TypeError("predict: expected codes alone, without further arguments")
            return self.decode(x)
        shape = getattr(x, "shape", ())
        if len(shape) > 2:
            rows = super().predict(as_rows(x, "x"), *args, **settings)
            return rows.reshape(shape)
        return super().predict(x, *args, **settings)

    def measure(
        self, x: Any, y: Any = None, cosines: bool = True, verbose: Verbose = "auto"
    ) -> dict[str, Any]:
        """Quality and sparsity of reconstructions, on the scale of x.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows; a file is read in blocks.
        y : like x, optional
            Targets of the reconstruction; default x.
        cosines : bool
            If True, compare the rows of a dictionary's W_d, at 2 m^2 d flops.
        verbose : 0, 1, 2 or "auto"
            See `encode`.

        Returns
        -------
        dict
            `mse`: mean squared error per value. `fvu`: fraction of variance unexplained,
            `sum (x - y)^2 / sum (x - mean x)^2`; `explained_variance`: 1 - fvu. `l0`: active
            latents per row. `cosine`: mean cosine of x and y. `l2_ratio`: mean of `|y| / |x|`.
            `relative_bias` of the length: `sum |y|^2 / sum x . y`. `alive`, `dead`: fractions of
            latents that are active in at least one row, and in none. `density`: histogram of
            latents by the fraction of rows in which they are active, with `counts`, `edges` and
            `never`. For a dictionary also `largest_cosine` of two rows of W_d and their indices,
            `largest_cosine_pair`.

        Raises
        ------
        TypeError, ValueError
            As for `encode`; or y has another shape than x.
        """
        check_flag("cosines", cosines)
        graph, rows = self._built_graph(), as_rows(x, "x")
        targets = rows if y is None else as_rows(y, "y")
        if targets.shape != rows.shape:
            raise ValueError(f"y: expected the shape of x, {rows.shape}, got {targets.shape}")
        measures = Measures()
        for start in tracked(range(0, len(rows), ENCODE_BLOCK_ROWS), "measure", verbose):
            row_range = range(start, min(start + ENCODE_BLOCK_ROWS, len(rows)))
            part = slice(start, row_range.stop)
            codes = self._architecture.encode(graph, rows[part])
            name = "x" if y is None else "y"
            expected = convert.features(targets[part], name, (None, rows.shape[1]), row_range)
            measures.add(expected, codes, self._architecture.decode(graph, codes))
        return measures.result(self._architecture.directions if cosines else None)

    def report(self, x: Any, **settings: Any) -> Report:
        """For each latent, the rows with its largest activations and its nearest latents.

        Text when printed, a table in a notebook.

        Parameters
        ----------
        x : array (n, d), `np.memmap` or path to a `.npy` file
            Rows.
        **settings
            `texts`, one per row; `shape`, to show rows as images; `feature_names`, by default
            those of a data frame; `features`, `rows`, `neighbours`, `max_latents`: see
            `gw.sae.report.report`.

        Raises
        ------
        TypeError, ValueError
            As for `encode`; a setting is invalid; or the model is a stack.
        """
        from gatewise.sae.report import report

        directions = self._architecture.directions
        if directions is None:
            raise ValueError(
                f"{self.name}: expected a dictionary, got a stack, which has no decoder rows"
            )
        if hasattr(x, "columns"):
            settings = {"feature_names": list(x.columns), **settings}
        rows = as_rows(x, "x")
        return report(self.encode(rows), directions, rows, **settings)

    def steer(self, x: Any, latents: Mapping[int, float]) -> Floats:
        """Rows in which some latents have other values: `x + decode(z') - decode(z)`.

        z is the code of x and z' the same with the given values. What the code does not describe
        of a row stays.

        Parameters
        ----------
        x : array (n, d)
            Rows.
        latents : dict of int to float
            The new value of each latent; 0 removes it.

        Returns
        -------
        ndarray (n, d), float32

        Raises
        ------
        TypeError, ValueError
            As for `encode`; a latent is out of range, or a value is not finite.

        Examples
        --------
        >>> import gatewise as gw, numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
        >>> sae = gw.SparseAutoencoder(16, activation=gw.TopK(4), seed=0)
        >>> sae.compile(); _ = sae.fit(x, epochs=1, verbose=0)
        >>> sae.steer(x, {3: 2.0}).shape
        (50, 8)
        """
        if not isinstance(latents, Mapping):
            raise TypeError(
                f"latents: expected a dict of latent to value, got {type(latents).__name__}"
            )
        rows = as_rows(x, "x")
        codes = self.encode(rows, dense=True)
        changed = codes.copy()
        for latent, value in latents.items():
            at = check_integer("latents", latent, 0)
            if at >= codes.shape[1]:
                raise ValueError(f"latents: expected latents below {codes.shape[1]}, got {at}")
            changed[:, at] = check_number(f"latents[{at}]", value, -math.inf)
        difference = self.decode(changed) - self.decode(codes)
        result: Floats = np.asarray(rows[:], np.float32) + difference
        return result

    def to_bytes(self, codes: Any, bits: int = 8) -> bytes:
        """Serializes codes: exact indices, values of `bits` bits, entropy-coded.

        Parameters
        ----------
        codes : SciPy sparse matrix (n, m)
            As returned by `encode`.
        bits : int
            Bits per value: 8 or 16, in `2^bits` equal steps from the smallest to the largest value,
            or 32, exact float32.

        Returns
        -------
        bytes
            For `from_bytes`.

        Raises
        ------
        TypeError, ValueError
            codes are not sparse, have another width, or values that are not above 0; or bits is
            another number.
        """
        from gatewise.sae.code_serialization import to_bytes

        if not csr.is_sparse(codes):
            raise TypeError(f"codes: expected a SciPy sparse matrix, got {type(codes).__name__}")
        self._check_width(codes)
        return to_bytes(codes, bits)

    def from_bytes(self, data: bytes) -> Any:
        """Reads codes that `to_bytes` wrote, as `csr_array` (n, m).

        Values differ from the original ones by at most half a step.

        Raises
        ------
        TypeError
            data is not bytes.
        ValueError
            data was not written by `to_bytes`, is truncated or altered, or has another width.
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
        """The rows of `codes` with the largest inner products with each query.

        Parameters
        ----------
        codes : SciPy sparse matrix (n, m)
            Codes of the rows to search.
        query : array (q, d) or (d,), or SciPy sparse matrix (q, m)
            A dense query q is scored by its inner product with the reconstruction,
            `((W_d q) . z + b . q) / s + c . q`; a code z' by `z . z'`. A stack takes only codes.
        k : int
            Rows to return per query, from 1 to n.

        Returns
        -------
        indices : ndarray (q, k), int32
            Largest score first; ties go to the lower index.
        scores : ndarray (q, k), float32

        Raises
        ------
        TypeError, ValueError
            A width does not fit, k is out of range, or a value is NaN or infinite.
        """
        self._built_graph()
        return self._architecture.search(codes, query, k)
