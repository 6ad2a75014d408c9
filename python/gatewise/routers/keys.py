"""Router that compares rows with one key per expert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import NativeOptions
from gatewise.routers.base import ROUTERS, WeightedRouter
from gatewise.utils.checks import check_integer, check_number


@ROUTERS.register("keys")
@dataclass(frozen=True, eq=False, repr=False)
class Keys(WeightedRouter):
    """Chooses the k experts whose keys are most similar to a projection of the row.

    `s_i = <x P, e_i> / T`, or `cos(x P, e_i) / T`, with P `(d, p)` and keys `e_i` `(p,)`. Weights
    are the softmax over the chosen experts, or over all, so the task loss trains projection and
    keys.

    Parameters
    ----------
    k : int, optional
        Experts per row; by default the layer's `k`.
    key_dim : int
        Length p of a key.
    similarity : {"dot", "cosine"}
        Inner product, or cosine (0 for a zero vector).
    temperature : float, optional
        T > 0; by default 1 for inner products and 0.3 for cosines, which are at most 1.
    normalize : bool, optional
        Whether the softmax is over the chosen experts only; by default it is, unless k = 1.

    Raises
    ------
    ValueError
        k or `key_dim` is below 1, `temperature` is not above 0, or `similarity` is unknown.
    TypeError
        A numeric argument is not a number.

    References
    ----------
    Chi et al. 2022, "On the representation collapse of sparse mixture of experts", equation 5.
    """

    key_dim: int = 16
    similarity: str = "dot"
    temperature: float | None = None

    kind: ClassVar[str] = "keys"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "key_dim", check_integer("key_dim", self.key_dim, 1))
        if self.similarity not in ("dot", "cosine"):
            raise ValueError(f"similarity: expected 'dot' or 'cosine', got {self.similarity!r}")
        if self.temperature is not None:
            temperature = check_number("temperature", self.temperature, 0.0)
            if temperature == 0:
                raise ValueError("temperature: expected a number > 0, got 0")
            object.__setattr__(self, "temperature", temperature)

    def native_options(self) -> NativeOptions:
        default = 0.3 if self.similarity == "cosine" else 1.0
        chosen = default if self.temperature is None else self.temperature
        return {**super().native_options(), "router.temperature": chosen}
