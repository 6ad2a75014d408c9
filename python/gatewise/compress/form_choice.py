"""Which form of a layer is the fastest here, by timing all of them."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import TYPE_CHECKING

from gatewise import _core

if TYPE_CHECKING:
    from gatewise._core import Floats
    from gatewise.layers import CompressedDense

TIMED_ROWS = (1, 256)
"""Rows of the predictions that are timed: one waits for memory, many for arithmetic."""

_SLOWDOWN_TOLERANCE = 1.05
"""What counts as slower: less is within what two timings of the same work differ by."""
_MAX_REPEATS = 5
_MAX_SECONDS = 0.05
"""Timing ends after so many turns of all forms or, from the second on, after this time."""


def choose_form(dense: _core.Layer, forms: Mapping[str, CompressedDense]) -> str | None:
    """The name of the fastest of `forms`, or None where the dense layer is to stay.

    A form comes into question if it takes fewer bytes than the dense layer and is slower at neither
    one row nor many; of several, the one whose times have the least product.
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
    """The least seconds that each takes for the rows, all of them in turns."""
    rows = len(x)
    seconds = dict.fromkeys(networks, float("inf"))
    end = perf_counter() + _MAX_SECONDS
    for repeat in range(_MAX_REPEATS):
        for name, network in networks.items():
            network.predict([x], rows)  # brings its weights back into the caches
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
