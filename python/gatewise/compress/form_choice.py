"""Choice of the fastest form of a layer by timing."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from gatewise import _core

if TYPE_CHECKING:
    from gatewise._core import Floats
    from gatewise.layers import CompressedDense

TIMED_ROWS = (1, 256)
"""Row counts of the timed predictions: one row is bound by memory, many by arithmetic."""

_SLOWDOWN_TOLERANCE = 1.05
"""Time ratio that counts as slower; smaller ratios are within the noise of timings."""
_MAX_REPEATS = 5
_MAX_SECONDS = 0.05
"""Timing ends after this many repeats or, from the second repeat on, after this time."""


def choose_form(dense: _core.Layer, forms: Mapping[str, CompressedDense]) -> str | None:
    """Name of the fastest of `forms`, or None if the layer should stay dense.

    A form must take fewer bytes than the dense layer and must not be slower with one row or with
    many; of several, the one with the smallest product of times is chosen.
    """
    dense_bytes = sum(4 * _size(parameter) for parameter in dense.parameters())
    smaller = {name: form for name, form in forms.items() if form.count_bytes() < dense_bytes}
    if not smaller:
        return None
    layers: dict[str | None, _core.Layer] = {None: dense}
    layers.update({name: form.native for name, form in smaller.items()})
    networks = {name: _core.Network(1, [(layer, [0])], [1]) for name, layer in layers.items()}
    width = next(iter(smaller.values())).input_shape[-1]
    product = dict.fromkeys(networks, 1.0)
    for rows in TIMED_ROWS:
        x = _core.random_normal(0, rows, rows * width, 0.0, 1.0).reshape(rows, width)
        seconds = _time(networks, x)
        for name in networks:
            is_slower = seconds[name] > _SLOWDOWN_TOLERANCE * seconds[None]
            product[name] *= float("inf") if is_slower else seconds[name]
    del product[None]
    best = min(product, key=lambda name: product[name])
    return best if product[best] < float("inf") else None


def _time(networks: Mapping[str | None, _core.Network], x: Floats) -> dict[str | None, float]:
    """Minimum seconds per prediction of the rows, for each network; networks take turns."""
    rows = len(x)
    seconds = dict.fromkeys(networks, float("inf"))
    end = perf_counter() + _MAX_SECONDS
    for repeat in range(_MAX_REPEATS):
        for name, network in networks.items():
            network.predict([x], rows)  # loads its weights into the caches again
            start = perf_counter()
            network.predict([x], rows)
            seconds[name] = min(seconds[name], perf_counter() - start)
        if repeat > 0 and perf_counter() > end:
            break
    return seconds


def _size(parameter: _core.Parameter) -> int:
    size = 1
    for length in parameter.shape:
        size *= length
    return size
