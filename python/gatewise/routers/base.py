"""What every router is, and the names they go by."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gatewise import initializers
from gatewise.registry import Configurable, NativeOptions, Registry
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise.experts import Expert
    from gatewise.initializers import Initializer


@dataclass(frozen=True, eq=False, repr=False)
class Router(Configurable):
    """Gives each row `(d,)` its experts and the weight of each in the combined output."""

    kind: ClassVar[str]
    chooses: ClassVar[bool] = True
    """Whether rows go to a part of the experts, so that a load can be balanced."""
    takes_losses: ClassVar[bool] = True
    """Whether a balance may be a loss on the scores."""

    def with_k(self, k: int) -> Self:
        """This router with the layer's `k`, if a k is missing here."""
        return self

    def experts_per_row(self, num_experts: int) -> int | None:
        """How many experts a row goes to; None where that varies by row."""
        return num_experts

    def check(self, num_experts: int) -> None:
        """Refuses, by ValueError, a number of experts that the router cannot serve."""

    def check_expert(self, expert: Expert) -> None:
        """Refuses, by ValueError, experts that the router cannot choose among."""

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        """How one of the router's own arrays starts."""
        return initializers.GlorotUniform()

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        names = [field.name for field in dataclasses.fields(self)]
        settings = {f"router.{name}": getattr(self, name) for name in names}
        return {"router.kind": self.kind, **settings}


ROUTERS: Registry[Router] = Registry("router", Router)


def get(identifier: object, argument: str = "router") -> Router:
    """The router that a name, a configuration or an instance means."""
    return ROUTERS.get(identifier, argument)


@dataclass(frozen=True, eq=False, repr=False)
class SparseRouter(Router):
    """A router that keeps `k` experts for each row; k is the layer's unless given here."""

    k: int | None = None

    def __post_init__(self) -> None:
        if self.k is not None:
            object.__setattr__(self, "k", check_integer("k", self.k, 1))

    def with_k(self, k: int) -> Self:
        return dataclasses.replace(self, k=k) if self.k is None else self

    def experts_per_row(self, num_experts: int) -> int | None:
        return self.k

    def check(self, num_experts: int) -> None:
        if self.k is None or self.k > num_experts:
            raise ValueError(f"k: expected 1 <= k <= num_experts ({num_experts}), got {self.k}")


def check_combine(combine: str) -> None:
    """Refuses, by ValueError, a way of weighing the chosen that no router knows."""
    if combine not in ("softmax", "sum"):
        raise ValueError(f"combine: expected 'softmax' or 'sum', got {combine!r}")
