"""Tokens as ids, and ids as one-hot rows, on arrays before `fit`.

These are no layers of a model: they turn data into arrays that a model reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gatewise.layers.names import automatic_name, check_name
from gatewise.layers.symbol import Symbol
from gatewise.registry import Config, Configurable
from gatewise.utils.checks import check_choice, check_defaults, check_flag, check_integer

if TYPE_CHECKING:
    import numpy.typing as npt

CODES = ("one_hot", "multi_hot", "count")


def encode(ids: Any, size: int, mode: str, weights: Any = None) -> Any:
    """Rows of `size` values for ids: one for each id, or for each sample.

    Parameters
    ----------
    ids : ndarray of int
        From 0 to `size - 1`; `size` stands for no id, such as that of a mask.
    size : int
        Width of a row.
    mode : {"one_hot", "multi_hot", "count"}
        A row with a 1 for each id, the last axis of size 1 left out; for each sample a row with a 1
        at each of its ids; or with how often each occurs. The ids of a sample are those along axis
        1, as in Keras; an array of one axis is one sample.
    weights : ndarray, optional
        Of the ids' shape: what an id counts.

    Returns
    -------
    ndarray of float32
    """
    ids = np.atleast_1d(ids)
    if mode == "one_hot":
        if ids.ndim > 1 and ids.shape[-1] == 1:
            ids = ids[..., 0]
        return np.eye(size + 1, size, dtype=np.float32)[ids]
    counted = np.ones(ids.shape, np.float32) if weights is None else np.reshape(weights, ids.shape)
    axis = min(ids.ndim - 1, 1)
    ids, counted = np.moveaxis(ids, axis, -1), np.moveaxis(counted, axis, -1)
    samples = math.prod(ids.shape[:-1])
    flat = ids.reshape(samples, ids.shape[-1])
    rows = np.zeros((samples, size + 1), np.float32)
    np.add.at(rows, (np.arange(samples)[:, np.newaxis], flat), counted.reshape(flat.shape))
    rows = np.minimum(rows, 1) if mode == "multi_hot" else rows
    return rows[:, :size].reshape(*ids.shape[:-1], size)


class CategoryEncoding(Configurable):
    """Ids as rows of `num_tokens` values.

    Parameters
    ----------
    num_tokens : int
        Ids are 0 to `num_tokens - 1`.
    output_mode : {"multi_hot", "one_hot", "count"}
        For each sample a row with a 1 at each of its ids; a row for each id; or counts. Samples are
        ids `(n, t)`; ids `(n,)` are one sample of n, as in Keras, and `(n, 1)` n samples of one.
    sparse : bool
        Must be False.
    name : str, optional
        Generated if omitted.

    Raises
    ------
    ValueError
        A setting is out of range; or in a call, an id is.
    TypeError
        A symbol is given: call it on arrays, before `fit`.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.layers.CategoryEncoding(4)([[0, 1], [3, 3]]).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_tokens: int,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        name: str | None = None,
    ) -> None:
        self.num_tokens = check_integer("num_tokens", num_tokens, 1)
        self.output_mode = check_choice("output_mode", output_mode, CODES)
        check_defaults("CategoryEncoding", {"sparse": sparse}, {"sparse": False})
        self.name = automatic_name(type(self)) if name is None else check_name(name)

    def __call__(self, inputs: Any, count_weights: npt.ArrayLike | None = None) -> Any:
        """The rows `(n, ..., num_tokens)` of ids; with "count" an id counts its weight."""
        ids = to_array(self.name, inputs)
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"count_weights: expected None with {self.output_mode!r}")
        if ids.size and (ids.min() < 0 or ids.max() >= self.num_tokens):
            raise ValueError(
                f"{self.name}: expected ids from 0 to {self.num_tokens - 1}, got {ids.min()} to "
                f"{ids.max()}"
            )
        return encode(ids.astype(np.int64), self.num_tokens, self.output_mode, count_weights)

    def get_config(self) -> Config:
        """The settings as JSON values."""
        return {
            "name": self.name,
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
            "sparse": False,
        }


class _Lookup(Configurable):
    """Base class of `StringLookup` and `IntegerLookup`."""

    kind: ClassVar[type]
    unknown: Any

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Sequence[Any] | None,
        invert: bool,
        output_mode: str,
        unsupported: dict[str, object],
        name: str | None,
    ) -> None:
        defaults: dict[str, object] = {
            "idf_weights": None,
            "pad_to_max_tokens": False,
            "sparse": False,
            "encoding": "utf-8",
        }
        check_defaults(type(self).__name__, unsupported, defaults)
        self.max_tokens = None if max_tokens is None else check_integer("max_tokens", max_tokens, 2)
        self.num_oov_indices = check_integer("num_oov_indices", num_oov_indices, 0)
        if self.num_oov_indices > 1:
            raise TypeError(f"num_oov_indices: expected 0 or 1, got {num_oov_indices}")
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert = check_flag("invert", invert)
        self.output_mode = check_choice("output_mode", output_mode, ("int", *CODES))
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        self._tokens: list[Any] = []
        self._ids: dict[Any, int] = {}
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def adapt(self, data: Any) -> None:
        """Learns the tokens of an array: the most frequent first, ties in descending order."""
        tokens, counts = np.unique(self._to_tokens(data), return_counts=True)
        special = {self.mask_token, self.oov_token}
        found = sorted(
            ((int(count), token) for token, count in zip(tokens.tolist(), counts, strict=True)),
            reverse=True,
        )
        learned = [token for _, token in found if token not in special]
        limit = None if self.max_tokens is None else self.max_tokens - self._first()
        self.set_vocabulary(learned[:limit])

    def set_vocabulary(self, vocabulary: Sequence[Any]) -> None:
        """Sets the tokens, with or without the mask and the unknown token in front.

        Raises
        ------
        ValueError
            A token occurs twice, or there are more than `max_tokens`.
        """
        tokens = [self.kind(each) for each in np.asarray(vocabulary).tolist()]
        front = self._front()
        if front and tokens[: len(front)] == front:
            tokens = tokens[len(front) :]
        if len(set(tokens)) < len(tokens) or set(tokens) & set(front):
            raise ValueError("vocabulary: expected each token once")
        if self.max_tokens is not None and len(tokens) + len(front) > self.max_tokens:
            raise ValueError(
                f"vocabulary: expected at most {self.max_tokens - len(front)} tokens, got "
                f"{len(tokens)}"
            )
        self._tokens = tokens
        self._ids = {token: index for index, token in enumerate(tokens, start=len(front))}
        if self.mask_token is not None:
            self._ids[self.mask_token] = 0 if self.output_mode == "int" else self.vocabulary_size()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens by id, or without the mask and the unknown token."""
        return [*self._front(), *self._tokens] if include_special_tokens else list(self._tokens)

    def vocabulary_size(self) -> int:
        """How many ids there are."""
        return len(self._front()) + len(self._tokens)

    def __call__(self, inputs: Any) -> Any:
        """Ids of tokens, or rows of them; with `invert` the tokens of ids.

        Raises
        ------
        ValueError
            There is no vocabulary; or a token is unknown and there is no id for such.
        TypeError
            A symbol is given: call it on arrays, before `fit`.
        """
        if not self._tokens:
            raise ValueError(f"{self.name}: expected a vocabulary; call adapt or set_vocabulary")
        if self.invert:
            names = np.array(self.get_vocabulary())
            ids = to_array(self.name, inputs).astype(np.int64)
            is_known = (ids >= 0) & (ids < len(names))
            return np.where(is_known, names[np.where(is_known, ids, 0)], self.oov_token)
        given = self._to_tokens(inputs)
        unknown = -1 if self.num_oov_indices == 0 else self._first() - 1
        ids = np.array([self._ids.get(each, unknown) for each in given.ravel().tolist()], np.int64)
        if ids.size and ids.min() < 0:
            first = given.ravel().tolist()[int(np.argmin(ids))]
            raise ValueError(f"{self.name}: expected a token of the vocabulary, got {first!r}")
        ids = ids.reshape(given.shape)
        if self.output_mode == "int":
            return ids
        return encode(ids, self.vocabulary_size(), self.output_mode)

    def get_config(self) -> Config:
        """The settings as JSON values."""
        return {
            "name": self.name,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "mask_token": self.mask_token,
            "oov_token": self.oov_token,
            "vocabulary": self._tokens or None,
            "invert": self.invert,
            "output_mode": self.output_mode,
        }

    def _front(self) -> list[Any]:
        mask = [] if self.mask_token is None or self.output_mode != "int" else [self.mask_token]
        return mask + [self.oov_token] * self.num_oov_indices

    def _first(self) -> int:
        return len(self._front())

    def _to_tokens(self, data: Any) -> Any:
        array = to_array(self.name, data)
        if array.dtype == object and self.kind is str:
            array = array.astype(str)
        if (array.dtype.kind in "US") != (self.kind is str):
            raise TypeError(f"{self.name}: expected {self.kind.__name__} tokens, got {array.dtype}")
        return array.astype(str) if array.dtype.kind == "S" else array


class StringLookup(_Lookup):
    """Strings as ids, by a vocabulary that `adapt` learns.

    Id 0 is the mask, if there is one; then comes that of unknown tokens, then the vocabulary.

    Parameters
    ----------
    max_tokens : int, optional
        Upper bound of the count of ids.
    num_oov_indices : {1, 0}
        Whether unknown tokens have an id; without one they are refused.
    mask_token : str, optional
        Token of id 0.
    oov_token : str
        Name of unknown tokens.
    vocabulary : sequence of str, optional
        The tokens, in the order of their ids.
    invert : bool
        If True, calls map ids to tokens.
    output_mode : {"int", "one_hot", "multi_hot", "count"}
        Ids, or rows of them as `CategoryEncoding` makes, where masks count as no token.
    name : str, optional
        Generated if omitted.
    **unsupported
        `idf_weights`, `pad_to_max_tokens`, `sparse`, `encoding`: only with Keras' defaults.

    Raises
    ------
    TypeError, ValueError
        A setting is out of range or not supported.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> lookup = gw.layers.StringLookup()
    >>> lookup.adapt(np.array(["b", "a", "b"]))
    >>> lookup.get_vocabulary(), lookup(np.array(["a", "c"])).tolist()
    (['[UNK]', 'b', 'a'], [2, 0])
    """

    kind = str

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Sequence[str] | None = None,
        invert: bool = False,
        output_mode: str = "int",
        name: str | None = None,
        **unsupported: object,
    ) -> None:
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            invert,
            output_mode,
            unsupported,
            name,
        )


class IntegerLookup(_Lookup):
    """Integers as ids, by a vocabulary that `adapt` learns; arguments as `StringLookup`.

    Examples
    --------
    >>> import gatewise as gw
    >>> gw.layers.IntegerLookup(vocabulary=[12, 1138, 42])([42, 7]).tolist()
    [3, 0]
    """

    kind = int

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Sequence[int] | None = None,
        invert: bool = False,
        output_mode: str = "int",
        name: str | None = None,
        **unsupported: object,
    ) -> None:
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            invert,
            output_mode,
            unsupported,
            name,
        )


def to_array(name: str, value: Any) -> Any:
    if isinstance(value, Symbol):
        raise TypeError(f"{name}: expected an array, got a symbol; call it on data, before fit")
    return np.asarray(value)
