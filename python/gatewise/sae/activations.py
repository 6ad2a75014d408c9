"""From a row's pre-activations to its sparse code. Each class describes what the core does.

Penalties are given in units of `s x`, in which a value's mean square is 1, and are part of the loss
in training alone (see `SparseAutoencoder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gatewise.registry import Configurable, NativeOptions, Registry, to_snake_case
from gatewise.utils.checks import check_integer, check_number


@dataclass(frozen=True, eq=False, repr=False)
class CodeActivation(Configurable):
    """What turns pre-activations h into a code z, with the penalty that keeps it sparse."""

    supports_threshold: ClassVar[bool] = True
    """Whether a threshold of the model may cut the code."""
    supports_auxk: ClassVar[bool] = False
    """Whether dead latents can learn by `AuxK`: one may be dead though it exceeds 0."""
    supports_experts: ClassVar[bool] = False
    """Whether latents can be split among experts: a row's entries follow from its own h alone."""
    supports_stack: ClassVar[bool] = False
    """Whether a stacked autoencoder may have it: it reads plain pre-activations."""

    can_die: ClassVar[bool] = True
    """Whether a latent that is never above 0 gets no slope."""
    supports_refit: ClassVar[bool] = True
    """Whether a code's values may be fitted anew: it is sparse, and has none below 0."""
    parameter_names: ClassVar[tuple[str, ...]] = ()
    """Parameters (m,) of the activation itself."""

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        settings = {f"activation.{name}": value for name, value in self.get_config().items()}
        return {"activation.kind": to_snake_case(type(self).__name__), **settings}

    def check(self, latents: int) -> None:
        """Refuses, by ValueError, a dictionary of a size that the settings do not fit."""

    def check_threshold(self, threshold: float) -> None:
        """Refuses, by ValueError, a threshold that this activation cannot have."""
        if threshold and not self.supports_threshold:
            name = type(self).__name__
            raise ValueError(f"threshold: expected 0 with {name}, got {threshold}")

    def encoder_gain(self, width: int, latents: int) -> float:
        """By what W_d's transpose is multiplied to be the first W_e."""
        return 1.0

    def initial_value(self, parameter: str, latents: int) -> float:
        """Where a parameter of the activation itself starts, and a revived latent's starts anew."""
        return 0.0

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


CODE_ACTIVATIONS: Registry[CodeActivation] = Registry("activation", CodeActivation)


def get(identifier: object) -> CodeActivation:
    """The activation that a name, a configuration or an instance means."""
    return CODE_ACTIVATIONS.get(identifier, "activation")


@CODE_ACTIVATIONS.register("relu")
@dataclass(frozen=True, eq=False, repr=False)
class ReLU(CodeActivation):
    """`z = max(h, 0)`, kept sparse by an L1 penalty: `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    l1 : float
        Weight of the penalty, at least 0.

    Raises
    ------
    ValueError
        l1 is negative.

    References
    ----------
    Bricken et al. 2023, "Towards monosemanticity".
    """

    l1: float = 0.0
    supports_experts: ClassVar[bool] = True
    supports_stack: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self._set(l1=check_number("l1", self.l1, 0))

    def native_options(self) -> NativeOptions:
        return {"activation.kind": "relu", "activation.l1": self.l1}

    def encoder_gain(self, width: int, latents: int) -> float:
        return _half_active_gain(width, latents)


@CODE_ACTIVATIONS.register("top_k")
@dataclass(frozen=True, eq=False, repr=False)
class TopK(CodeActivation):
    """`z = ReLU(TopK(h))`: the k largest pre-activations of a row, those above 0 of them.

    Of equal ones the lowest latents are taken.

    Parameters
    ----------
    k : int
        Latents a row may have, from 1 to their number.

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
    """In training the n k largest pre-activations of a batch of n rows, those above 0 of them.

    Of equal ones the first rows', then the lowest latents are taken. A mean of the least values
    that were taken, `t <- momentum t + (1 - momentum) least`, is kept; elsewhere than in training
    `z = h` where h > t, so that a row's code does not depend on other rows.

    Parameters
    ----------
    k : int
        Latents that a row has on average, from 1 to their number.
    momentum : float
        Of the mean, from 0 to below 1; the first steps count alike, a batch by its rows.

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
    """`z = h` where h > t_j, a threshold that each latent learns; else 0.

    The penalty is `weight (L0 / target_l0 - 1)^2`, L0 the mean number of active latents of a row.
    Both the code and L0 have a step at t_j; the slope by t_j takes it as a ramp of width
    `bandwidth`: `-t_j / bandwidth` for the code and `-1 / bandwidth` for L0 where
    `|h - t_j| < bandwidth / 2`, 0 elsewhere. The slope by h is that of the code where h > t_j.

    Parameters
    ----------
    target_l0 : float
        Active latents a row that the penalty pulls to, above 0.
    weight : float
        Of the penalty, at least 0.
    bandwidth : float
        Above 0.
    initial_threshold : float, optional
        Where all t_j start, at least 0. Unless given, about `target_l0` latents of a row are above
        it, where pre-activations are normally distributed with variance 1.

    Raises
    ------
    ValueError
        An argument is out of range.

    References
    ----------
    Rajamanoharan et al. 2024, "Jumping ahead", equations 9 to 12.
    """

    target_l0: float = 32.0
    weight: float = 1.0
    bandwidth: float = 0.05
    initial_threshold: float | None = None
    parameter_names: ClassVar[tuple[str, ...]] = ("latent_threshold",)
    supports_auxk: ClassVar[bool] = True
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(
            target_l0=_check_positive("target_l0", self.target_l0),
            weight=check_number("weight", self.weight, 0),
            bandwidth=_check_positive("bandwidth", self.bandwidth),
        )
        if self.initial_threshold is not None:
            first = check_number("initial_threshold", self.initial_threshold, 0)
            self._set(initial_threshold=first)

    def native_options(self) -> NativeOptions:
        options = super().native_options()
        del options["activation.initial_threshold"]
        return {**options, "activation.kind": "jump_relu"}

    def initial_value(self, parameter: str, latents: int) -> float:
        if self.initial_threshold is not None:
            return self.initial_threshold
        from statistics import NormalDist

        return NormalDist().inv_cdf(1 - min(self.target_l0 / latents, 0.5))


@CODE_ACTIVATIONS.register()
@dataclass(frozen=True, eq=False, repr=False)
class Gated(CodeActivation):
    """`z = 1[g > 0] ReLU(exp(r) (u W_e) + b_mag)` with the gate `g = u W_e + b_e`.

    The gate learns from the penalty `l1 mean_i sum_j ReLU(g_ij)` and from the reconstruction
    `ReLU(g) W_d + b` by a decoder that stands still for it, whose squared error is added.

    Parameters
    ----------
    l1 : float
        Weight of the penalty, at least 0.

    Raises
    ------
    ValueError
        l1 is negative.

    References
    ----------
    Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders",
    equations 6 to 8.
    """

    l1: float = 0.001
    parameter_names: ClassVar[tuple[str, ...]] = ("magnitude_log", "magnitude_bias")
    supports_threshold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._set(l1=check_number("l1", self.l1, 0))

    def encoder_gain(self, width: int, latents: int) -> float:
        return _half_active_gain(width, latents)


@CODE_ACTIVATIONS.register("kl")
@dataclass(frozen=True, eq=False, repr=False)
class KL(CodeActivation):
    """`z = sigmoid(h)`, each latent's mean pulled to rho: the classical sparsity penalty.

    `weight sum_j [rho ln(rho / p_j) + (1 - rho) ln((1 - rho) / (1 - p_j))]`, p_j the mean of z_ij
    over the rows of the batch. A code has all entries, unless the model has a threshold.

    Parameters
    ----------
    rho : float
        Mean activation to pull to, between 0 and 1.
    weight : float
        Of the penalty, at least 0.

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
    """`z = h`: a plain autoencoder, whose codes have all entries."""

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

    The iteration that finds a sparse code of a given dictionary, with the encoder learnt and the
    biases as thresholds; slopes pass through all steps. The penalty is `l1 mean_i sum_j z_ij`.

    Parameters
    ----------
    steps : int
        At least 1, which is `ReLU`.
    l1 : float
        Weight of the penalty, at least 0.

    Raises
    ------
    ValueError
        An argument is out of range.

    Notes
    -----
    Each step costs an encoder's product.

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
        # 1 over the largest eigenvalue of W_d^T W_d, with which the iteration converges.
        return float(1 / (1 + (latents / width) ** 0.5) ** 2)


def _half_active_gain(width: int, latents: int) -> float:
    """With which half of many random directions add up to the row itself, and not to more."""
    return min(1.0, 2 * width / latents)


def _check_k(k: int, latents: int) -> None:
    if k > latents:
        raise ValueError(f"k: expected 1 <= k <= latents ({latents}), got {k}")


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
