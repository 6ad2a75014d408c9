"""Streams of random numbers: which part of the package draws from which.

A random number depends on (seed, stream, index). All parts of a model share its seed, so each has
its own range of streams, listed here in ascending order. Streams of layers in forward passes are
used by the core; `cpp/core/random_streams.h` has the same numbers. No two ranges overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

STREAMS_PER_LAYER = 64
"""Streams of a layer's initial weights; a layer has at most as many parameters."""

LAYERS_OF_FORM = 1 << 14
"""Layers from one form of a layer without weights to the next; a model has fewer."""

SLICE_STREAMS = 1 << 20
"""Streams between two slices of an orthogonal array; exceeds those of 16,384 layers."""

BUFFER_STREAMS = 1 << 36
"""Streams of the buffers of the same number; exceeds the training steps."""


@dataclass(frozen=True, eq=False, repr=False)
class StreamRange:
    """A range of streams.

    Attributes
    ----------
    name : str
        What is drawn.
    first : int
        The first stream.
    count : int
        How many streams.
    offset : str
        How the offset from the first stream is computed; all counts are from 0.
    users : tuple of str
        The files that import the range: of the package, or of `cpp/`.
    """

    name: str
    first: int
    count: int
    offset: str
    users: tuple[str, ...]

    @property
    def stop(self) -> int:
        """The stream after the last one."""
        return self.first + self.count

    def at(self, offset: int) -> int:
        """The stream at an offset from the first."""
        return self.first + offset


INITIAL_WEIGHTS = StreamRange(
    "initial weights",
    first=0,
    count=1 << 32,
    offset="64 layer + parameter, + 2^20 slice of an orthogonal array",
    users=("layers/parameters.py",),
)
SHUFFLES = StreamRange(
    "order of rows, or of blocks of rows of a file, in a pass over the data",
    first=1 << 32,
    count=(1 << 36) - (1 << 32),
    offset="training step",
    users=("training/feed.py",),
)
REINITIALIZED_UNITS = StreamRange(
    "new weights of dead units of a stack",
    first=1 << 36,
    count=1 << 36,
    offset="training step",
    users=("sae/stack_reinitialization.py",),
)
RESAMPLED_LATENTS = StreamRange(
    "rows from which dead latents of a dictionary are re-initialised",
    first=1 << 37,
    count=(1 << 40) - (1 << 37),
    offset="training step",
    users=("sae/dictionary_resampling.py",),
)
LAYERS = StreamRange(
    "dropout and router noise",
    first=1 << 40,
    count=(1 << 61) - (1 << 40),
    offset="2^40 (layer + 2^14 form) + 2^32 earlier uses of the layer in the model + training step",
    users=(
        "layers/core_layers.py",
        "cpp/layers/layer.h",
        "cpp/routing/router.h",
    ),
)
MASKS = StreamRange(
    "initial masks of sparse weights",
    first=1 << 61,
    count=1 << 60,
    offset="expert, counted over all kernels",
    users=("compress/initialize.py",),
)
GRADIENT_ROWS = StreamRange(
    "rows whose gradient decides which weights grow",
    first=3 << 60,
    count=1 << 60,
    offset="training step",
    users=("compress/drop_and_grow.py",),
)
BUFFERS = StreamRange(
    "order of the rows of a buffer of a file",
    first=1 << 62,
    count=1 << 62,
    offset="2^36 buffer + training step",
    users=("data/sources.py",),
)
LATE_SLICES = StreamRange(
    "initial weights of an orthogonal array from its 4,097th slice on",
    first=1 << 63,
    count=1 << 63,
    offset="as for initial weights",
    users=("initializers/matrices.py",),
)

TABLE = (
    INITIAL_WEIGHTS,
    SHUFFLES,
    REINITIALIZED_UNITS,
    RESAMPLED_LATENTS,
    LAYERS,
    MASKS,
    GRADIENT_ROWS,
    BUFFERS,
    LATE_SLICES,
)


def slice_stream(stream: int, index: int) -> int:
    """The stream of slice `index` of an orthogonal array of initial weights with this stream."""
    offset = stream + index * SLICE_STREAMS
    return offset if offset < INITIAL_WEIGHTS.stop else LATE_SLICES.at(offset)


def buffer_stream(shuffle: int, buffer: int) -> int:
    """The stream of a buffer in the pass over the data that this shuffle orders."""
    return BUFFERS.at(buffer * BUFFER_STREAMS + shuffle - SHUFFLES.first)
