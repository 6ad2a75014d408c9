"""The common form of dictionaries in all file formats: arrays and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gatewise.data.convert import Floats
from gatewise.sae.files.float_array import float_array
from gatewise.sae.files.stored_activations import Doubles, StoredActivation, StoredGated
from gatewise.utils.checks import check_flag, check_number


@dataclass(frozen=True, eq=False)
class StoredDictionary:
    """`z = f(h)`, `y = (z W_d + b) / s + c`, with `h = (s (x - c) - b) W_e + b_e`.

    Parameters
    ----------
    encoder : array (d, m)
        W_e.
    encoder_bias : array (m,)
        b_e.
    decoder : array (m, d)
        W_d.
    decoder_bias : array (d,)
        b.
    activation : StoredActivation
        f: `StoredTopK`, `StoredBatchTopK`, `StoredRelu`, `StoredJumpRelu` or `StoredGated`.
    subtract_bias : bool
        If True, b is subtracted before the encoder; else `h = s (x - c) W_e + b_e`.
    center : array (d,)
        c, default 0. Other projects' formats have neither c nor s; see `folded`.
    scale : float
        s, above 0.
    metadata : dict
        Other content of the file, for writing the same format: `format`, its name; `config`, its
        configuration; and values that the format's reader adds.

    Raises
    ------
    ValueError
        A shape does not fit, a value is not finite, or the scale is not above 0.
    TypeError
        An argument has the wrong type.

    Notes
    -----
    Arrays are converted to C-contiguous float32. `encode` and `decode` are reference
    implementations in float64 that store all pre-activations; they are not for large data.
    """

    encoder: Floats
    encoder_bias: Floats
    decoder: Floats
    decoder_bias: Floats
    activation: StoredActivation
    subtract_bias: bool = True
    center: Floats = field(default_factory=lambda: np.zeros((), np.float32))
    scale: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = np.shape(self.encoder)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"encoder: expected shape (d, m) of 1 or more, got {shape}")
        d, m = shape
        center = np.broadcast_to(self.center, (d,)) if np.ndim(self.center) == 0 else self.center
        object.__setattr__(self, "center", center)
        shapes = {
            "encoder": (d, m),
            "encoder_bias": (m,),
            "decoder": (m, d),
            "decoder_bias": (d,),
            "center": (d,),
        }
        for name, expected in shapes.items():
            object.__setattr__(self, name, float_array(name, getattr(self, name), expected))
        if not isinstance(self.activation, StoredActivation):
            raise TypeError(f"activation: expected a StoredActivation, got {self.activation!r:.80}")
        self.activation.check(m)
        check_flag("subtract_bias", self.subtract_bias)
        if check_number("scale", self.scale, 0) == 0:
            raise ValueError(f"scale: expected a number above 0, got {self.scale!r}")

    @property
    def width(self) -> int:
        """Width d of the rows."""
        return int(self.encoder.shape[0])

    @property
    def latents(self) -> int:
        """Size m of the code."""
        return int(self.encoder.shape[1])

    def encode(self, x: Floats) -> Floats:
        """The codes `(n, m)` of rows `(n, d)`, dense."""
        u = self.scale * (_rows("x", x, self.width) - self.center)
        if self.subtract_bias:
            u = u - self.decoder_bias
        return self.activation.codes(u @ self.encoder + self.encoder_bias).astype(np.float32)

    def decode(self, codes: Floats) -> Floats:
        """The reconstructions `(n, d)` from codes `(n, m)`."""
        y = _rows("codes", codes, self.latents) @ self.decoder + self.decoder_bias
        return (y / self.scale + self.center).astype(np.float32)

    def folded(self) -> StoredDictionary:
        """The same dictionary with c = 0 and s = 1.

        `W_e' = s W_e`, `W_d' = W_d / s`, `b' = b / s + c`; if b is not subtracted, also
        `b_e' = b_e - s c W_e`. Pre-activations, codes and thresholds do not change; the rows of
        W_d are s times shorter.
        """
        if self.scale == 1 and not self.center.any():
            return self
        center64 = self.center.astype(np.float64)
        bias = self.encoder_bias.astype(np.float64)
        if not self.subtract_bias:
            bias = bias - self.scale * center64 @ self.encoder
        changes: dict[str, Any] = {
            "encoder": self.scale * self.encoder.astype(np.float64),
            "encoder_bias": bias,
            "decoder": self.decoder / np.float64(self.scale),
            "decoder_bias": self.decoder_bias / np.float64(self.scale) + center64,
            "center": np.zeros(self.width, np.float32),
            "scale": 1.0,
        }
        return replace(self, **changes)

    def subtracting_bias(self, subtract_bias: bool) -> StoredDictionary:
        """The same dictionary, for a format that subtracts b before the encoder or does not.

        `b_e' = b_e - b W_e` if b is no longer subtracted, `b_e + b W_e` if it now is.
        """
        if subtract_bias == self.subtract_bias:
            return self
        shift = self.decoder_bias.astype(np.float64) @ self.encoder
        bias: Any = self.encoder_bias + (shift if subtract_bias else -shift)
        return replace(self, encoder_bias=bias, subtract_bias=subtract_bias)

    def gated(self) -> StoredGated:
        """The activation, which must be gated, with b_e added to its two biases."""
        assert isinstance(self.activation, StoredGated)
        return self.activation.with_bias(self.encoder_bias)


def _rows(name: str, value: Floats, width: int) -> Doubles:
    rows = np.asarray(value, np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name}: expected shape (n, {width}), got {rows.shape}")
    return rows
