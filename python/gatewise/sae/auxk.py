"""AuxK, the auxiliary loss that trains dead latents."""

from __future__ import annotations

from dataclasses import dataclass

from gatewise.registry import Config, Configurable, NativeOptions
from gatewise.utils.checks import check_integer, check_number


@dataclass(frozen=True, eq=False, repr=False)
class AuxK(Configurable):
    """Auxiliary loss by which dead latents learn to reconstruct the residual.

    The loss is `weight mean (e - (t - y))^2`. e is the sum of the rows of W_d of the row's k dead
    latents of largest pre-activation, weighted by the pre-activations that are above 0, without
    the bias b. The residual `t - y` is a constant here. A latent is dead if it was inactive in all
    of the last `dead_rows` training rows.

    Parameters
    ----------
    k : int, optional
        Maximum of dead latents per row; half of the row's width if omitted.
    weight : float
        Weight of the loss, at least 0.
    dead_rows : int
        Rows without activity after which a latent is dead, at least 0.

    Raises
    ------
    ValueError
        An argument is out of range.

    Notes
    -----
    Only the dead latents' columns of the encoder are multiplied; without dead latents the loss
    costs nothing.

    References
    ----------
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders", appendix A.2.
    """

    k: int | None = None
    weight: float = 1 / 32
    dead_rows: int = 10_000

    def __post_init__(self) -> None:
        k = None if self.k is None else check_integer("k", self.k, 1)
        object.__setattr__(self, "k", k)
        object.__setattr__(self, "weight", check_number("weight", self.weight, 0))
        object.__setattr__(self, "dead_rows", check_integer("dead_rows", self.dead_rows, 0))

    @classmethod
    def get(cls, value: object) -> AuxK | None:
        """The loss for an instance, a configuration or None."""
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, dict):
            config: Config = value
            return cls.from_config(config)
        raise TypeError(f"auxk: expected an AuxK or None, got {value!r:.80}")


def dead_options(auxk: AuxK | None) -> NativeOptions:
    """The settings by the names that the core reads; k is -1 for half of the width."""
    if auxk is None:
        return {"dead.k": 0, "dead.weight": 0.0, "dead.rows": 0}
    return {"dead.k": auxk.k or -1, "dead.weight": auxk.weight, "dead.rows": auxk.dead_rows}
