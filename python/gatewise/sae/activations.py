"""Activations that turn a row's pre-activations into its code. The core computes them.

Penalties are computed on the standardized scale `s x`, on which a value's mean square is 1. They
are part of the training loss only (see `SparseAutoencoder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import NativeOptions
from gatewise.sae.code_activation import CODE_ACTIVATIONS, CodeActivation
from gatewise.utils.checks import check_integer, check_number


def get(identifier: object) -> CodeActivation:
    """The activation for a name, a configuration or an instance."""
    return CODE_ACTIVATIONS.get(identifier, "activation")


@CODE_ACTIVATIONS.register("relu")
@dataclass(frozen=True, eq=False, repr=False)
class ReLU(CodeActivation):
    """`z = max(h, 0)`, with the L1 penalty `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    l1 : float or None
        Weight of the penalty, at least 0; None if it is not known, for an imported dictionary that
        is not trained.

    Raises
    ------
    ValueError
        l1 is negative.

    References
    ----------
    Bricken et al. 2023, "Towards monosemanticity".
    """

    l1: float | None = 0.0
    supports_experts: ClassVar[bool] = True
    supports_stack: ClassVar[bool] = True
    penalty_setting: ClassVar[str | None] = "l1"

    def __post_init__(self) -> None:
        self._set(l1=_check_known("l1", self.l1))

    def native_options(self) -> NativeOptions:
        return {"activation.kind": "relu", "activation.l1": self.l1 or 0.0}

    def encoder_gain(self, width: int, latents: int) -> float:
        return _half_active_gain(width, latents)


@CODE_ACTIVATIONS.register("top_k")
@dataclass(frozen=True, eq=False, repr=False)
class TopK(CodeActivation):
    """`z = ReLU(TopK(h))`: the k largest pre-activations of a row that are above 0.

    Ties go to the lowest latent.

    Parameters
    ----------
    k : int
        Maximum of active latents per row, from 1 to m.

    Raises
    ------
    ValueError
        k is out of range.

    References
    ----------
    Makhzani, Frey 2014, "k-sparse autoencoders", algorithm 1; Gao et al. 2024, "Scaling and
    evaluating sparse autoencoders", section 2.3.
    """

    k: int = 32
    supports_auxk: ClassVar[bool] = True
    supports_experts: ClassVar[bool] = True
    supports_stack: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(k=check_integer("k", self.k, 1))

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
    k : int
        Active latents per row on average, from 1 to m.
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

    k: int = 32
    momentum: float = 0.9
    supports_auxk: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(
            k=check_integer("k", self.k, 1), momentum=_check_below_one("momentum", self.momentum)
        )

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
    supports_auxk: ClassVar[bool] = True
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(
            target_l0=None
            if self.target_l0 is None
            else _check_positive("target_l0", self.target_l0),
            weight=check_number("weight", self.weight, 0),
            bandwidth=_check_positive("bandwidth", self.bandwidth),
        )
        if self.initial_threshold is not None:
            first = check_number("initial_threshold", self.initial_threshold, 0)
            self._set(initial_threshold=first)

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
class Gated(CodeActivation):
    """`z = 1[g > 0] ReLU(exp(r) (u W_e) + b_mag)` with the gate `g = u W_e + b_e`.

    The gate learns from the penalty `l1 mean_i sum_j ReLU(g_ij)` and from the squared error of the
    reconstruction `ReLU(g) W_d + b`. Both are added to the loss; the second has a fixed decoder.

    Parameters
    ----------
    l1 : float or None
        Weight of the penalty, at least 0; None if it is not known, for an imported dictionary that
        is not trained.

    Raises
    ------
    ValueError
        l1 is negative.

    References
    ----------
    Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders",
    equations 6 to 8.
    """

    l1: float | None = 0.001
    parameter_names: ClassVar[tuple[str, ...]] = ("magnitude_log", "magnitude_bias")
    supports_threshold: ClassVar[bool] = False
    penalty_setting: ClassVar[str | None] = "l1"

    def __post_init__(self) -> None:
        self._set(l1=_check_known("l1", self.l1))

    def native_options(self) -> NativeOptions:
        return {"activation.kind": "gated", "activation.l1": self.l1 or 0.0}

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
    weight: float = 0.01
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
class LISTA(CodeActivation):
    """Steps of learned shrinkage: `z <- ReLU(z + (u - z W_d) W_e + b_e)`, from z = 0.

    The iteration that finds a sparse code for a given dictionary, with a learned encoder and the
    biases as thresholds. Gradients pass through all steps. The penalty is `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    steps : int
        Iterations, at least 1; one iteration is `ReLU`.
    l1 : float
        Weight of the penalty, at least 0.

    Raises
    ------
    ValueError
        An argument is out of range.

    Notes
    -----
    Each iteration costs one encoder product.

    References
    ----------
    Gregor, LeCun 2010, "Learning fast approximations of sparse coding"; the weights coupled as in
    Chen et al. 2018, "Theoretical linear convergence of unfolded ISTA", equation 9.
    """

    steps: int = 3
    l1: float = 0.0
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(steps=check_integer("steps", self.steps, 1), l1=check_number("l1", self.l1, 0))

    def encoder_gain(self, width: int, latents: int) -> float:
        # The inverse of the largest eigenvalue of W_d^T W_d: with it the iteration converges.
        return float(1 / (1 + (latents / width) ** 0.5) ** 2)


def _half_active_gain(width: int, latents: int) -> float:
    """Gain at which half of many random directions sum to about the row itself, not more."""
    return min(1.0, 2 * width / latents)


def _check_k(k: int, latents: int) -> None:
    if k > latents:
        raise ValueError(f"k: expected 1 <= k <= latents ({latents}), got {k}")


def _check_known(name: str, value: float | None) -> float | None:
    return None if value is None else check_number(name, value, 0)


def _check_positive(name: str, value: object) -> float:
    number = check_number(name, value, 0)
    if number == 0:
        raise ValueError(f"{name}: expected a number above 0, got {value!r}")
    return number


def _check_below_one(name: str, value: object) -> float:
    number = check_number(name, value, 0)
    if number >= 1:
        raise ValueError(f"{name}: expected 0 <= value < 1, got {value!r}")
    return number
