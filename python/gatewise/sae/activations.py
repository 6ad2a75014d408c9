"""Activations that turn a row's pre-activations into its code. The core computes them.

Penalties are computed on the standardized scale `s x`, on which a value's mean square is 1. They
are part of the training loss only (see `SparseAutoencoder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.optimizers.base import check_decay_rate
from gatewise.registry import NativeOptions
from gatewise.sae.code_activation import CODE_ACTIVATIONS, CodeActivation
from gatewise.sae.l1_penalty import L1Activation, check_positive, default_l0
from gatewise.utils.checks import check_integer, check_number


def get(identifier: object) -> CodeActivation:
    """The activation for a name, a configuration or an instance."""
    return CODE_ACTIVATIONS.get(identifier, "activation")


@CODE_ACTIVATIONS.register("relu")
@dataclass(frozen=True, eq=False, repr=False)
class ReLU(L1Activation):
    """`z = max(h, 0)`, with the L1 penalty `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    l1 : float, "auto" or None
        Weight of the penalty, at least 0. "auto": training finds the weight for `target_l0`; in a
        stack there is no penalty then. None if it is not known, for an imported dictionary that is
        not trained.
    target_l0 : float, optional
        Active latents per row that `l1="auto"` leads to; default `min(32, max(1, m // 8))`.

    Raises
    ------
    ValueError
        An argument is out of range, or `target_l0` is given with a number for l1.

    References
    ----------
    Bricken et al. 2023, "Towards monosemanticity".
    """

    l1: float | str | None = "auto"
    target_l0: float | None = None
    supports_experts: ClassVar[bool] = True
    supports_stack: ClassVar[bool] = True
    penalty_setting: ClassVar[str | None] = "l1"

    def native_options(self) -> NativeOptions:
        return {**super().native_options(), "activation.kind": "relu"}

    def encoder_gain(self, width: int, latents: int) -> float:
        return _half_active_gain(width, latents)


@CODE_ACTIVATIONS.register("top_k")
@dataclass(frozen=True, eq=False, repr=False)
class TopK(CodeActivation):
    """`z = ReLU(TopK(h))`: the k largest pre-activations of a row that are above 0.

    Ties go to the lowest latent.

    Parameters
    ----------
    k : int, optional
        Maximum of active latents per row, from 1 to m; default `min(32, max(1, m // 8))`.

    Raises
    ------
    ValueError
        k is out of range.

    References
    ----------
    Makhzani, Frey 2014, "k-sparse autoencoders", algorithm 1; Gao et al. 2024, "Scaling and
    evaluating sparse autoencoders", section 2.3.
    """

    k: int | None = None
    supports_auxk: ClassVar[bool] = True
    supports_experts: ClassVar[bool] = True
    supports_stack: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(k=None if self.k is None else check_integer("k", self.k, 1))

    def resolved(self, latents: int, stack: bool = False) -> CodeActivation:
        return self if self.k is not None else TopK(default_l0(latents))

    def check(self, latents: int) -> None:
        _check_k(self.k, latents)


@CODE_ACTIVATIONS.register("batch_top_k")
@dataclass(frozen=True, eq=False, repr=False)
class BatchTopK(CodeActivation):
    """In training, the `n k` largest pre-activations of a batch of n rows that are above 0.

    Ties go to the first row, then to the lowest latent. Training keeps a running mean of the
    smallest selected value, `t <- momentum t + (1 - momentum) smallest`. Outside training
    `z = h` where h > t, so that a row's code does not depend on other rows.

    Parameters
    ----------
    k : int, optional
        Active latents per row on average, from 1 to m; default `min(32, max(1, m // 8))`.
    momentum : float
        Of the running mean, 0 <= momentum < 1. The first steps have equal weights; a batch counts
        by its rows.

    Raises
    ------
    ValueError
        An argument is out of range.

    References
    ----------
    Bussmann, Leask, Nanda 2024, "BatchTopK sparse autoencoders".
    """

    k: int | None = None
    momentum: float = 0.9
    supports_auxk: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(
            k=None if self.k is None else check_integer("k", self.k, 1),
            momentum=check_decay_rate("momentum", self.momentum),
        )

    def resolved(self, latents: int, stack: bool = False) -> CodeActivation:
        return self if self.k is not None else BatchTopK(default_l0(latents), self.momentum)

    def check(self, latents: int) -> None:
        _check_k(self.k, latents)


@CODE_ACTIVATIONS.register("jump_relu")
@dataclass(frozen=True, eq=False, repr=False)
class JumpReLU(CodeActivation):
    """`z = h` where h exceeds the latent's learned threshold t_j; else 0.

    The penalty is `weight (L0 / target_l0 - 1)^2`, with L0 the mean count of active latents per
    row. Code and L0 jump at t_j. Their derivatives with respect to t_j are those of a ramp of
    width `bandwidth`: `-t_j / bandwidth` for the code and `-1 / bandwidth` for L0 where
    `|h - t_j| < bandwidth / 2`, else 0. The gradient of z is passed to h where h > t_j.

    Parameters
    ----------
    target_l0 : float or None
        Active latents per row at which the penalty is 0; above 0. None if it is not known, for an
        imported dictionary that is not trained.
    weight : float
        Weight of the penalty, at least 0.
    bandwidth : float
        Width of the ramp, above 0.
    initial_threshold : float, optional
        Initial value of all t_j, at least 0. If omitted, about `target_l0` latents of a row exceed
        it if pre-activations are normally distributed with variance 1.

    Raises
    ------
    ValueError
        An argument is out of range.

    References
    ----------
    Rajamanoharan et al. 2024, "Jumping ahead", equations 9 to 12.
    """

    target_l0: float | None = 32.0
    weight: float = 1.0
    bandwidth: float = 0.05
    initial_threshold: float | None = None
    parameter_names: ClassVar[tuple[str, ...]] = ("latent_threshold",)
    penalty_setting: ClassVar[str | None] = "target_l0"
    sparser: ClassVar[str] = "a smaller target_l0, a larger weight, or more epochs"
    supports_auxk: ClassVar[bool] = True
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(weight=check_number("weight", self.weight, 0))
        self._set(bandwidth=check_positive("bandwidth", self.bandwidth))
        if self.target_l0 is not None:
            self._set(target_l0=check_positive("target_l0", self.target_l0))
        if (start := self.initial_threshold) is not None:
            self._set(initial_threshold=check_number("initial_threshold", start, 0))

    def native_options(self) -> NativeOptions:
        options = super().native_options()
        del options["activation.initial_threshold"]
        if self.target_l0 is None:
            options |= {"activation.target_l0": 1.0, "activation.weight": 0.0}
        return {**options, "activation.kind": "jump_relu"}

    def initial_value(self, parameter: str, latents: int) -> float:
        if self.initial_threshold is not None:
            return self.initial_threshold
        from statistics import NormalDist

        target = JumpReLU.target_l0 if self.target_l0 is None else self.target_l0
        assert target is not None
        return NormalDist().inv_cdf(1 - min(target / latents, 0.5))


@CODE_ACTIVATIONS.register()
@dataclass(frozen=True, eq=False, repr=False)
class Gated(L1Activation):
    """`z = 1[g > 0] ReLU(exp(r) (u W_e) + b_mag)` with the gate `g = u W_e + b_e`.

    The gate learns from the penalty `l1 mean_i sum_j ReLU(g_ij)` and from the squared error of the
    reconstruction `ReLU(g) W_d + b`. Both are added to the loss; the second has a fixed decoder.

    Parameters
    ----------
    l1 : float, "auto" or None
        Weight of the penalty, at least 0. "auto": training finds the weight for `target_l0`; in a
        stack there is no penalty then. None if it is not known, for an imported dictionary that is
        not trained.
    target_l0 : float, optional
        Active latents per row that `l1="auto"` leads to; default `min(32, max(1, m // 8))`.

    Raises
    ------
    ValueError
        An argument is out of range, or `target_l0` is given with a number for l1.

    References
    ----------
    Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders",
    equations 6 to 8.
    """

    l1: float | str | None = "auto"
    target_l0: float | None = None
    parameter_names: ClassVar[tuple[str, ...]] = ("magnitude_log", "magnitude_bias")
    supports_threshold: ClassVar[bool] = False
    penalty_setting: ClassVar[str | None] = "l1"

    def encoder_gain(self, width: int, latents: int) -> float:
        return _half_active_gain(width, latents)


@CODE_ACTIVATIONS.register("kl")
@dataclass(frozen=True, eq=False, repr=False)
class KL(CodeActivation):
    """`z = sigmoid(h)`, with the KL divergence of each latent's mean from rho as penalty.

    The penalty is `weight sum_j [rho ln(rho / p_j) + (1 - rho) ln((1 - rho) / (1 - p_j))]`, with
    p_j the mean of z_ij over the rows of the batch. Codes are dense unless the model has a
    threshold.

    Parameters
    ----------
    rho : float
        Target mean activation, between 0 and 1.
    weight : float
        Weight of the penalty, at least 0.

    Raises
    ------
    ValueError
        An argument is out of range.

    References
    ----------
    Ng 2011, "Sparse autoencoder", CS294A lecture notes, section 3.
    """

    rho: float = 0.05
    weight: float = 0.001
    standardizes_stack: ClassVar[bool] = True
    bounds_values: ClassVar[bool] = True
    sparser: ClassVar[str] = "a threshold above 0 for the model, below which values are 0"
    supports_refit: ClassVar[bool] = False
    supports_stack: ClassVar[bool] = True

    def __post_init__(self) -> None:
        rho = check_number("rho", self.rho, 0, 1)
        if not 0 < rho < 1:
            raise ValueError(f"rho: expected a number between 0 and 1, got {rho!r}")
        self._set(rho=rho, weight=check_number("weight", self.weight, 0))

    def check_threshold(self, threshold: float) -> None:
        if threshold >= 1:
            raise ValueError(f"threshold: expected a number below 1 with KL, got {threshold!r}")


@CODE_ACTIVATIONS.register()
@dataclass(frozen=True, eq=False, repr=False)
class Identity(CodeActivation):
    """`z = h`: a plain autoencoder with dense codes."""

    can_die: ClassVar[bool] = False
    supports_refit: ClassVar[bool] = False
    supports_threshold: ClassVar[bool] = False
    supports_stack: ClassVar[bool] = True

    def encoder_gain(self, width: int, latents: int) -> float:
        return min(1.0, width / latents)


@CODE_ACTIVATIONS.register("lista")
@dataclass(frozen=True, eq=False, repr=False)
class LISTA(L1Activation):
    """Steps of learned shrinkage: `z <- ReLU(z + (u - z W_d) W_e + b_e)`, from z = 0.

    The iteration that finds a sparse code for a given dictionary, with a learned encoder and the
    biases as thresholds. Gradients pass through all steps. The penalty is `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    steps : int
        Iterations, at least 1; one iteration is `ReLU`.
    l1 : float or "auto"
        Weight of the penalty, at least 0. "auto": training finds the weight for `target_l0`.
    target_l0 : float, optional
        Active latents per row that `l1="auto"` leads to; default `min(32, max(1, m // 8))`.

    Raises
    ------
    ValueError
        An argument is out of range, or `target_l0` is given with a number for l1.

    Notes
    -----
    Each iteration costs one encoder product.

    References
    ----------
    Gregor, LeCun 2010, "Learning fast approximations of sparse coding"; the weights coupled as in
    Chen et al. 2018, "Theoretical linear convergence of unfolded ISTA", equation 9.
    """

    steps: int = 3
    l1: float | str = "auto"
    target_l0: float | None = None
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.l1 is None:
            raise TypeError("l1: expected a number or 'auto', got None")
        super().__post_init__()
        self._set(steps=check_integer("steps", self.steps, 1))

    def encoder_gain(self, width: int, latents: int) -> float:
        # The inverse of the largest eigenvalue of W_d^T W_d: with it the iteration converges.
        return float(1 / (1 + (latents / width) ** 0.5) ** 2)


def _half_active_gain(width: int, latents: int) -> float:
    """Gain at which half of many random directions sum to about the row itself, not more."""
    return min(1.0, 2 * width / latents)


def _check_k(k: int | None, latents: int) -> None:
    if k is not None and k > latents:
        raise ValueError(f"k: expected 1 <= k <= latents ({latents}), got {k}")
