"""Formulas in double of layers over positions, and of shared factors, for `gradient_reference`."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np


def numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def sources(o: dict[str, Any]) -> np.ndarray:
    """The position that each tap of each window reads (windows, taps), or -1."""
    names = ("sizes", "window", "strides", "dilation", "before", "windows")
    sizes, window, strides, dilation, before, counts = (numbers(o[name]) for name in names)
    table = []
    for at in product(*map(range, counts)):
        for tap in product(*map(range, window)):
            position = 0
            for a, size in enumerate(sizes):
                i = at[a] * strides[a] - before[a] + tap[a] * dilation[a]
                position = -1 if position < 0 or not 0 <= i < size else position * size + i
            table.append(position)
    return np.array(table).reshape(-1, int(np.prod(window)))


def convolve(o: dict[str, Any], p: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Pre-activations of a convolution whose channels are in `groups`."""
    table = sources(o)
    samples = x.reshape(-1, int(np.prod(numbers(o["sizes"]))), x.shape[-1])
    # The last position is the zeros beyond the border, which -1 reads.
    padded = np.pad(samples, [(0, 0), (0, 1), (0, 0)])[:, table]
    groups = int(o.get("groups", 1))
    channels = padded.reshape(*padded.shape[:-1], groups, -1)
    kernel = p["kernel"].reshape(table.shape[1], channels.shape[-1], groups, -1)
    if o.get("depthwise"):  # (taps, channels, multiplier): a group is a channel
        kernel = p["kernel"].reshape(table.shape[1], 1, groups, -1)
    made = np.einsum("nwtgc,tcgf->nwgf", channels, kernel)
    return made.reshape(-1, made.shape[-2] * made.shape[-1]) + p.get("bias", 0.0)


def convolve_separably(o: dict[str, Any], p: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Pre-activations of a depthwise convolution and a product over channels."""
    own = {**o, "groups": x.shape[-1], "depthwise": True}
    z = convolve(own, {"kernel": p["depthwise_kernel"]}, x)
    return z @ p["pointwise_kernel"] + p.get("bias", 0.0)


def convolve_transposed(o: dict[str, Any], p: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Pre-activations of a transposed convolution."""
    table = sources(o)
    samples = x.reshape(-1, len(table), x.shape[-1])
    kernel = p["kernel"].reshape(table.shape[1], -1, x.shape[-1])
    patches = np.einsum("nwc,tfc->nwtf", samples, kernel)
    positions = int(np.prod(numbers(o["sizes"])))
    y = np.zeros((len(samples), positions + 1, kernel.shape[1]))
    for window, tap in np.ndindex(*table.shape):
        y[:, table[window, tap]] += patches[:, window, tap]
    return y[:, :positions].reshape(-1, kernel.shape[1]) + p.get("bias", 0.0)


def of_axes(o: dict[str, Any], values: np.ndarray, rows: int, width: int) -> np.ndarray:
    """Values (..., shared axes) that rows share, for each row and column."""
    sizes = [*numbers(o["sizes"])[:-1], width]
    shape = [1 if flag else size for flag, size in zip(numbers(o["shared"]), sizes, strict=True)]
    wide = np.broadcast_to(values.reshape(-1, *shape), (values.size // np.prod(shape), *sizes))
    flat = wide.reshape(-1, width)
    return np.tile(flat, (rows // len(flat), 1))


def random_factors(node_kind: str, o: dict[str, Any], x: np.ndarray, draw: Any) -> np.ndarray:
    """y of dropout with shared factors; `draw(kind, count)` gives the numbers of a stream."""
    sizes, shared = numbers(o["sizes"]), numbers(o["shared"])
    width = 1 if shared[-1] else x.shape[1]
    rows = int(np.prod([s for s, flag in zip(sizes[:-1], shared[:-1], strict=True) if not flag]))
    samples = 1 if o["shares_samples"] else len(x) // int(np.prod(sizes[:-1]))
    padded = -(-width // 4) * 4
    kind = "normal" if node_kind == "gaussian_dropout" else "uniform"
    numbers_drawn = draw(kind, samples * rows * padded).reshape(-1, padded)[:, :width]
    u = of_axes(o, numbers_drawn, len(x), x.shape[1])
    rate = o["rate"]
    if node_kind == "shared_dropout":
        return np.where(u >= rate, x / (1 - rate), 0.0)
    if node_kind == "gaussian_dropout":
        return x * (1 + np.sqrt(rate / (1 - rate)) * u)
    limit = -1.6732632423543772 * 1.0507009873554805
    a = ((1 - rate) * (1 + rate * limit**2)) ** -0.5
    return a * np.where(u >= rate, x, limit) - a * limit * rate
