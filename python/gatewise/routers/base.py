"""Base classes and registry of routers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gatewise import initializers
from gatewise.registry import Config, Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.experts import Expert
    from gatewise.initializers import Initializer


@dataclass(frozen=True, eq=False, repr=False)
class Router(Configurable):
    """Chooses the experts of each row `(d,)` and their weights in the combined output."""

    kind: ClassVar[str]
    chooses: ClassVar[bool] = True
    """True if a row is assigned to a subset of the experts, so that load can be balanced."""
    takes_losses: ClassVar[bool] = True
    """True if a balance term can be a loss on the scores."""
    balance_rate: ClassVar[float] = 1e-3
    """Rate of `gw.balance.Bias` for the layer's `balance="auto"`."""

    @property
    def weighs_by_share(self) -> bool:
        """Whether a chosen expert weighs its softmax over all experts, so that it has no output
        where a bias, and not its score, made the choice.
        """
        return False

    def with_k(self, k: int) -> Self:
        """This router, with its k set to the layer's `k` if it has none."""
        return self

    def experts_per_row(self, num_experts: int) -> int | None:
        """Count of experts per row; None if it varies by row."""
        return num_experts

    def check(self, num_experts: int) -> None:
        """Raises ValueError if the router does not support this count of experts."""

    def check_expert(self, expert: Expert) -> None:
        """Raises ValueError if the router does not support this kind of expert."""

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        """The initializer of one of the router's parameters."""
        return initializers.GlorotUniform()

    def native_options(self) -> NativeOptions:
        """The settings, keyed by the core's option names."""
        names = [field.name for field in dataclasses.fields(self)]
        settings = {f"router.{name}": getattr(self, name) for name in names}
        return {"router.kind": self.kind, **settings}


ROUTERS: Registry[Router] = Registry("router", Router)


def get(identifier: object, argument: str = "router") -> Router:
    """The router given by a name, a configuration or an instance."""
    return ROUTERS.get(identifier, argument)


@dataclass(frozen=True, eq=False, repr=False)
class SparseRouter(Router):
    """A router that chooses `k` experts per row; by default the layer's `k`."""

    k: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k is not None:
            object.__setattr__(self, "k", check_integer("k", self.k, 1))

    def with_k(self, k: int) -> Self:
        return dataclasses.replace(self, k=k) if self.k is None else self

    def experts_per_row(self, num_experts: int) -> int | None:
        return self.k

    def check(self, num_experts: int) -> None:
        if self.k is None or self.k > num_experts:
            raise ValueError(f"k: expected 1 <= k <= num_experts ({num_experts}), got {self.k}")


@dataclass(frozen=True, eq=False, repr=False)
class WeightedRouter(SparseRouter):
    """A sparse router that weighs the chosen experts by their scores.

    With `normalize`, a row's weights are divided by their sum. By default they are, unless k = 1:
    the weight of one expert would then always be 1, and the router would have no gradient.
    """

    normalize: bool | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalize is not None:
            check_flag("normalize", self.normalize)

    @property
    def normalizes(self) -> bool:
        """Whether weights sum to 1."""
        return self.k != 1 if self.normalize is None else self.normalize

    @property
    def weighs_by_share(self) -> bool:
        return not self.normalizes

    def native_options(self) -> NativeOptions:
        return {**super().native_options(), "router.normalize": self.normalizes}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # Configurations without the setting are those of before it: weights summed to 1.
        return super().from_config({"normalize": True, **config})


def check_combine(combine: str) -> None:
    """Raises ValueError unless `combine` is "softmax" or "sum"."""
    if combine not in ("softmax", "sum"):
        raise ValueError(f"combine: expected 'softmax' or 'sum', got {combine!r}")
