"""Base class and registry of the activations that turn pre-activations into codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import Configurable, NativeOptions, Registry, to_snake_case


@dataclass(frozen=True, eq=False, repr=False)
class CodeActivation(Configurable):
    """Activation f that turns pre-activations h into a code z, with its sparsity penalty."""

    supports_threshold: ClassVar[bool] = True
    """Whether the model may set values of the code at or below a threshold to 0."""
    supports_auxk: ClassVar[bool] = False
    """Whether `AuxK` can train dead latents: a latent may be inactive although h > 0."""
    supports_experts: ClassVar[bool] = False
    """Whether latents can be split among experts: a row's code depends only on its own h."""
    supports_stack: ClassVar[bool] = False
    """Whether a stacked autoencoder may use it: it needs only pre-activations."""

    standardizes_stack: ClassVar[bool] = False
    """Whether a stack standardizes rows by default: the penalty is one for errors of that scale."""
    bounds_values: ClassVar[bool] = False
    """Whether values of a code are below 1, so that the rows of W_d must be of any length."""
    can_die: ClassVar[bool] = True
    """Whether a latent that is never above 0 gets no gradient."""
    supports_refit: ClassVar[bool] = True
    """Whether a code's values can be refitted: it is sparse and nonnegative."""
    parameter_names: ClassVar[tuple[str, ...]] = ()
    """Parameters `(m,)` of the activation itself."""
    penalty_setting: ClassVar[str | None] = None
    """The setting of its penalty, which is None where a file of another project stores none."""

    sparser: ClassVar[str] = ""
    """What to change if its codes are not sparse; empty if they have k active latents, or should
    be dense."""

    @property
    def can_train(self) -> bool:
        """Whether the penalty to train with is known."""
        return self.penalty_setting is None or getattr(self, self.penalty_setting) is not None

    @property
    def active_latents(self) -> float | None:
        """Active latents per row that the settings lead to; None if they do not say."""
        active: float | None = getattr(self, "k", None) or getattr(self, "target_l0", None)
        return active

    def resolved(self, latents: int, stack: bool = False) -> CodeActivation:
        """The activation with the defaults for a code of `latents` latents, or units of a stack."""
        return self

    def native_options(self) -> NativeOptions:
        """The settings by the names that the core reads."""
        settings = {f"activation.{name}": value for name, value in self.get_config().items()}
        return {"activation.kind": to_snake_case(type(self).__name__), **settings}

    def check(self, latents: int) -> None:
        """Raises ValueError if the settings do not fit a code of `latents` latents."""

    def check_threshold(self, threshold: float) -> None:
        """Raises ValueError if the activation does not support this threshold."""
        if threshold and not self.supports_threshold:
            name = type(self).__name__
            raise ValueError(f"threshold: expected 0 with {name}, got {threshold}")

    def encoder_gain(self, width: int, latents: int) -> float:
        """Factor of the transpose of W_d in the initial W_e."""
        return 1.0

    def initial_value(self, parameter: str, latents: int) -> float:
        """Initial value of a parameter of the activation, also for a revived latent."""
        return 0.0

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


CODE_ACTIVATIONS: Registry[CodeActivation] = Registry("activation", CodeActivation)
