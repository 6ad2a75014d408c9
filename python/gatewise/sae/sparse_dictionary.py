"""The layer of a sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import balance as balances
from gatewise import initializers, routers
from gatewise.layers.base import LAYERS, LayerOptions
from gatewise.layers.storage import StoredKernels
from gatewise.layers.symbol import Shape
from gatewise.registry import Config, NativeOptions
from gatewise.sae import activations
from gatewise.sae.auxk import AuxK, dead_options
from gatewise.sae.code_activation import CODE_ACTIVATIONS, CodeActivation
from gatewise.sae.l1_penalty import FIRST_WEIGHT
from gatewise.sae.standardize import StandardizedLayer
from gatewise.utils.checks import check_flag, check_integer, check_number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gatewise import _core
    from gatewise._core import Indices
    from gatewise.balance import Balance
    from gatewise.initializers import Initializer

_PANEL = 16
"""Latents per panel of the encoder; an expert consists of whole panels."""


@LAYERS.register()
class SparseDictionary(StoredKernels, StandardizedLayer):
    """`y = (z W_d + b) / s + c` with the sparse code `z = f((s (x - c) - b) W_e + b_e)`.

    Parameters
    ----------
    latents : int
        Rows m of the dictionary.
    activation : str or CodeActivation
        f, which selects the active latents.
    threshold : float
        Values of a code at or below it become exactly 0, in training too, and get no gradient.
    unit_norm : bool, optional
        If True, keep the rows of W_d at length 1: the gradient's component along a row is removed,
        and the row is normalized after its update. Default True, but for `KL`: its values are
        below 1, so that rows of length 1 could not reach most data.
    tied : bool
        If True, W_e is always the transpose of W_d, not only initially.
    subtract_bias : bool
        If True, b is subtracted before the encoder; else `z = f(s (x - c) W_e + b_e)`.
    prefixes : sequence of int
        Ascending counts p: the first p latents also reconstruct on their own, and their squared
        errors are added to the loss (nested dictionaries, from coarse to fine).
    auxk : AuxK, optional
        Loss by which dead latents learn.
    num_experts : int
        Experts among which the latents are split. A router assigns each row to one; z is the
        expert's code times its weight, and only this expert is computed. `latents` must be a
        multiple of `16 num_experts`.
    balance : str, Balance or list of them, optional
        Balance terms for the experts' load; see `gw.balance`.
    lazy_updates : bool
        If True, latents that are inactive in a batch are not updated, nor are their moments. Else
        an Adam step updates them by their moments, as in exact Adam.
    **options
        `name`, `trainable`, `seed`, `input_shape`, `input_dim`: see `Layer`.

    Raises
    ------
    ValueError
        An argument is out of range, or two do not fit together.
    TypeError
        An argument has the wrong type or is not supported.

    Notes
    -----
    Input and output shape `(n, ..., d)`. Parameters: encoder W_e `(d, m)`, its bias b_e `(m,)`,
    decoder W_d `(m, d)`, its bias b `(d,)`, those of the activation and the router. The centre c
    `(d,)` and the scale s `(1,)` are not trained. W_d starts as random directions, W_e as its
    transpose. Training uses gradients of the loss on the standardized scale `s x`, so a learning
    rate means the same for any scale of x. The encoder costs 2 n d m flops, 2 n d m / E with E
    experts; the rest is proportional to the active latents. Pre-activations are never stored.

    References
    ----------
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders", section 2; the gradient along a
    row as in Bricken et al. 2023, "Towards monosemanticity", appendix; prefixes as in Bussmann et
    al. 2025, "Learning multi-level features with Matryoshka sparse autoencoders", equation 4;
    experts as in Mudide et al. 2024, "Efficient dictionary learning with switch sparse
    autoencoders", section 3.
    """

    kind = "sparse_dictionary"
    float32_reason = (
        "a dictionary chooses latents by float32 products; a screen on the matrix unit spares most"
    )
    counts_rows = True
    active_rows_: Indices | None = None
    """Rows (m,) of the last epoch in which each latent was active; None before the first `fit`."""

    def __init__(
        self,
        latents: int,
        activation: str | CodeActivation | Config = "top_k",
        threshold: float = 0.0,
        unit_norm: bool | None = None,
        tied: bool = False,
        subtract_bias: bool = True,
        prefixes: Sequence[int] = (),
        auxk: AuxK | Config | None = None,
        num_experts: int = 1,
        balance: str | Balance | Config | Sequence[str | Balance | Config] | None = None,
        lazy_updates: bool = False,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        self.latents = check_integer("latents", latents, 1)
        self.activation = activations.get(activation).resolved(self.latents)
        self.activation.check(self.latents)
        self.threshold = check_number("threshold", threshold, 0)
        self.unit_norm = (
            not self.activation.bounds_values
            if unit_norm is None
            else check_flag("unit_norm", unit_norm)
        )
        self.tied = check_flag("tied", tied)
        self.subtract_bias = check_flag("subtract_bias", subtract_bias)
        self.prefixes = _check_prefixes(prefixes, self.latents)
        self.auxk = AuxK.get(auxk)
        self.num_experts = check_integer("num_experts", num_experts, 1)
        self.balance = balances.get(balance)
        self.lazy_updates = check_flag("lazy_updates", lazy_updates)
        self._check_fits()

    def _check_fits(self) -> None:
        name = type(self.activation).__name__
        self.activation.check_threshold(self.threshold)
        if self.auxk is not None and not self.activation.supports_auxk:
            raise ValueError(f"auxk: expected None with {name}, got {self.auxk}")
        if self.num_experts == 1:
            if self.balance:
                raise ValueError("balance: expected None without experts; set num_experts")
            return
        if not self.activation.supports_experts:
            raise ValueError(f"num_experts: expected 1 with {name}, got {self.num_experts}")
        if self.prefixes or self.auxk is not None:
            raise ValueError(
                f"num_experts: expected 1 with prefixes or auxk, got {self.num_experts}"
            )
        if self.latents % (_PANEL * self.num_experts):
            raise ValueError(
                f"latents: expected a multiple of {_PANEL} num_experts "
                f"({_PANEL * self.num_experts}), got {self.latents}"
            )
        self.activation.check(self.latents // self.num_experts)

    def native_options(self) -> NativeOptions:
        options: NativeOptions = {
            "latents": self.latents,
            "threshold": self.threshold,
            "unit_norm": self.unit_norm,
            "tied": self.tied,
            "subtract_bias": self.subtract_bias,
            "lazy_updates": self.lazy_updates,
            "prefixes": ",".join(map(str, self.prefixes)),
            **dead_options(self.auxk),
            **self.activation.native_options(),
        }
        options = self.with_storage(options)
        if self.num_experts == 1:
            return options
        router = routers.Switch().native_options()
        balance = balances.native_options(self.balance)
        return {**options, "num_experts": self.num_experts, **router, **balance}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)

    def set_training_load(self, rows: Indices) -> None:
        self.active_rows_ = rows

    def initializer_for(self, parameter: _core.Parameter) -> Initializer:
        if parameter.name == "decoder":
            return initializers.RandomNormal(stddev=1.0)
        if parameter.role == "router":
            return routers.Switch().initializer(parameter.name, self.num_experts)
        if parameter.name == "penalty_weight":
            return initializers.Constant(FIRST_WEIGHT / self.input_shape[-1])
        if parameter.name in self.activation.parameter_names:
            first = self.activation.initial_value(parameter.name, self.latents)
            return initializers.Constant(first)
        return initializers.Ones() if parameter.name == "scale" else initializers.Zeros()

    def draw_weights(self, seed: int, index: int) -> None:
        if self.random_stream is not None:
            return
        super().draw_weights(seed, index)
        decoder = self.native.get("decoder")
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
        self.native.set("decoder", decoder)
        width = self.input_shape[-1]
        gain = 1.0 if self.tied else self.activation.encoder_gain(width, self.latents)
        self.native.set("encoder", np.ascontiguousarray(np.float32(gain) * decoder.T))

    def get_config(self) -> Config:
        config = {
            **super().get_config(),
            "latents": self.latents,
            "activation": CODE_ACTIVATIONS.serialize(self.activation),
            "threshold": self.threshold,
            "unit_norm": self.unit_norm,
            "tied": self.tied,
            "subtract_bias": self.subtract_bias,
            "prefixes": list(self.prefixes),
            "auxk": None if self.auxk is None else self.auxk.get_config(),
            "num_experts": self.num_experts,
            "balance": [balances.BALANCES.serialize(term) for term in self.balance],
            "lazy_updates": self.lazy_updates,
        }
        return self.with_storage(config)


def _check_prefixes(prefixes: object, latents: int) -> tuple[int, ...]:
    prefixes = prefixes.tolist() if isinstance(prefixes, np.ndarray) else prefixes
    if isinstance(prefixes, str) or not isinstance(prefixes, Sequence):
        raise TypeError(f"prefixes: expected a sequence of integers, got {prefixes!r}")
    sizes = tuple(check_integer("prefixes", each, 1) for each in prefixes)
    if list(sizes) != sorted(set(sizes)) or (sizes and sizes[-1] > latents):
        raise ValueError(
            f"prefixes: expected ascending numbers up to latents ({latents}), got {list(sizes)}"
        )
    return sizes
