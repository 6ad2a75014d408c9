"""Settings of routers whose scores are a linear map of the row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gatewise.routers.base import Router
from gatewise.utils.checks import check_integer, check_number

if TYPE_CHECKING:
    from gatewise.initializers import Initializer
    from gatewise.registry import NativeOptions

_SCALED_WIDTH = 32
"""With `scale=None`, rows of more values than this have smaller scores."""


@dataclass(frozen=True, eq=False, repr=False)
class LinearScores(Router):
    """Scores `s = c x W_r + N(0, 1) noise / (1 + t / noise_steps)`, with noise in training only.

    t counts training steps. An optimizer with steps of one size per weight, such as Adam, moves a
    score of a wide row by much in one step; c makes up for it.
    """

    scale: float | None = field(default=1.0, kw_only=True)
    initial_scale: float = field(default=1.0, kw_only=True)
    noise: float = field(default=0.0, kw_only=True)
    noise_steps: int | None = field(default=100, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale is not None and check_number("scale", self.scale, 0) == 0:
            raise ValueError("scale: expected a number > 0, got 0")
        check_number("initial_scale", self.initial_scale, 0)
        check_number("noise", self.noise, 0)
        if self.noise_steps is not None:
            check_integer("noise_steps", self.noise_steps, 1)

    def native_options(self) -> NativeOptions:
        options = super().native_options()
        for name in ("scale", "initial_scale", "noise_steps"):
            del options[f"router.{name}"]
        if self.scale is None:
            options["router.scaled_width"] = _SCALED_WIDTH
        else:
            options["router.scale"] = self.scale
        if self.noise_steps is not None:
            options["router.noise_steps"] = self.noise_steps
        return options

    def initializer(self, parameter: str, num_experts: int) -> Initializer:
        if parameter == "router_kernel" and self.initial_scale != 1:
            from gatewise.initializers.scaling import ScaledGlorotUniform

            return ScaledGlorotUniform(scale_by=self.initial_scale)
        return super().initializer(parameter, num_experts)
