"""Numbers as indices of bins, on arrays before `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.layers.lookups import CODES, encode, to_array
from gatewise.layers.names import automatic_name, check_name
from gatewise.losses.arrays import to_numbers
from gatewise.utils.checks import check_choice, check_defaults, check_integer, check_number

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.registry import Config


class Discretization:
    """Numbers as indices of bins: `index(x) = |{boundaries <= x}|`, and rows of these.

    Boundaries and numbers are compared in float32. NaN is in the last bin.

    Parameters
    ----------
    bin_boundaries : sequence of float, optional
        The boundaries in ascending order: b of them make b + 1 bins.
    num_bins : int, optional
        Without boundaries: the count of bins, whose boundaries `adapt` learns.
    epsilon : float in (0, 1], default 0.01
        Share of the data that quantiles may be wrong by: of each batch about `1 / epsilon` values
        are kept.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        Indices, or rows of them as `CategoryEncoding` makes.
    sparse : bool
        Must be False.
    dtype
        Only None or `"float32"`.
    name : str, optional
        Generated if omitted.

    Raises
    ------
    TypeError, ValueError
        A setting is out of range or not supported; or neither or both of `bin_boundaries` and
        `num_bins` are given.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> gw.layers.Discretization([0.0, 1.0, 2.0])([[-1.5, 1.0, 3.4, 0.5]]).tolist()
    [[0, 2, 3, 1]]
    >>> bins = gw.layers.Discretization(num_bins=4)
    >>> bins.adapt(np.arange(8.0))
    >>> bins.bin_boundaries, bins([0.0, 2.5, 9.0]).tolist()
    ([1.0, 3.0, 5.0], [0, 1, 3])
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: object = None,
        name: str | None = None,
    ) -> None:
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"Discretization: expected either bin_boundaries or num_bins, got "
                f"{bin_boundaries!r} and {num_bins!r}"
            )
        defaults: dict[str, object] = {"sparse": False, "dtype": None}
        check_defaults("Discretization", {"sparse": sparse, "dtype": dtype}, defaults)
        self.num_bins = None if num_bins is None else check_integer("num_bins", num_bins, 1)
        self.epsilon = check_number("epsilon", epsilon, 0.0, 1.0)
        if self.epsilon == 0:
            raise ValueError("epsilon: expected a number in (0, 1], got 0")
        self.output_mode = check_choice("output_mode", output_mode, ("int", *CODES))
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            self._set_boundaries(bin_boundaries)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the boundaries from the quantiles of data.

        Parameters
        ----------
        data : array (n, ...), or iterable of arrays
            Numbers; what is no array is a sequence of batches, a list too.
        steps : int, optional
            Upper bound of the count of batches.

        Raises
        ------
        ValueError
            The boundaries were given; or there are no numbers, or one is not finite.
        """
        if self.num_bins is None:
            raise ValueError(f"{self.name}: expected no call of adapt with given bin_boundaries")
        limit = None if steps is None else check_integer("steps", steps, 1)
        kept = np.zeros((2, 0), np.float32)
        for index, batch in enumerate([data] if hasattr(data, "__array__") else data, start=1):
            values = to_numbers(batch, "data").astype(np.float32)
            if not np.isfinite(values).all():
                raise ValueError(f"{self.name}: expected finite data, got NaN or infinite values")
            kept = np.concatenate([_sample(values, self.epsilon), kept], axis=1)
            kept = _merge(kept[:, np.argsort(kept[0], kind="stable")], self.epsilon)
            if index == limit:
                break
        if kept.shape[1] == 0:
            raise ValueError(f"{self.name}: expected data of at least one number, got none")
        self.bin_boundaries = _merge(kept, 1 / self.num_bins)[0, :-1].tolist()

    def __call__(self, inputs: Any) -> Any:
        """The index of the bin of each number as int32, or rows of float32 of them.

        Raises
        ------
        ValueError
            There are no boundaries.
        TypeError
            A symbol is given: call it on arrays, before `fit`.
        """
        if self.bin_boundaries is None:
            raise ValueError(f"{self.name}: expected boundaries; call adapt, or give them")
        numbers = to_numbers(to_array(self.name, inputs), "inputs")
        if numbers.dtype.kind == "f":
            numbers = numbers.astype(np.float32)
        boundaries = np.array(self.bin_boundaries, np.float32)
        indices = np.searchsorted(boundaries, numbers, side="right")
        if self.output_mode == "int":
            return np.asarray(indices, np.int32)
        return encode(np.asarray(indices), len(boundaries) + 1, self.output_mode)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of outputs `(n, ...)` for one of inputs, by `output_mode`."""
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        count = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), count)
        return (*shape[:1], *shape[2:], count) if len(shape) > 1 else (count,)

    def get_config(self) -> Config:
        """The settings as JSON values, with the boundaries that were learned."""
        return {
            "name": self.name,
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """An equal object, from the result of `get_config`."""
        if config.get("num_bins") is None or config.get("bin_boundaries") is None:
            return cls(**config)
        made = cls(**{**config, "bin_boundaries": None})
        made._set_boundaries(config["bin_boundaries"])
        return made

    def _set_boundaries(self, boundaries: Sequence[float]) -> None:
        found = [check_number("bin_boundaries", each, -np.inf) for each in boundaries]
        if found != sorted(found):
            raise ValueError(f"bin_boundaries: expected ascending numbers, got {found}")
        self.bin_boundaries = found


def _sample(values: Any, epsilon: float) -> Any:
    """Quantiles of values that are `epsilon` of them apart, over the counts of values: (2, q)."""
    step = max(values.size / (1 / epsilon), 1)
    quantiles = np.sort(values, axis=None)[int(step - 1) :: int(step)]
    return np.stack([quantiles, np.full_like(quantiles, step)])


def _merge(kept: Any, epsilon: float) -> Any:
    """Ascending quantiles with their counts (2, q) as fewer, `epsilon` of all apart, by lines."""
    if kept.shape[1] * epsilon < 1:
        return kept
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = kept[1].cumsum()
    quantiles = np.interp(shares, counts / counts[-1], kept[0])
    counts = np.interp(shares, counts / counts[-1], counts)
    return np.stack([quantiles, np.diff(counts, prepend=0)]).astype(np.float32)
