"""The native core, as Python sees it: arrays in, one call, arrays out.

All arrays of numbers are float32 and C-contiguous unless said otherwise; `gatewise.data.convert` is
the one place that makes them so. Rows are the product of an array's leading axes, features its last
axis.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int32]

def isa_level() -> str: ...
def build_info() -> dict[str, str]: ...
def get_num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def allocation_count() -> int: ...
def parallel_probe(count: int) -> int: ...
def peak_flops() -> float: ...
def read_bandwidth(bytes: int) -> float: ...
def random_uniform(seed: int, stream: int, size: int, low: float, high: float) -> Floats: ...
def random_normal(seed: int, stream: int, size: int, mean: float, stddev: float) -> Floats: ...
def random_orthogonal(seed: int, stream: int, rows: int, cols: int) -> Floats: ...
def permutation(seed: int, stream: int, size: int) -> Indices: ...
def find_nonfinite(x: Floats) -> tuple[int, int] | None: ...
def router_kinds() -> list[str]: ...
def expert_kinds() -> list[str]: ...

class SparseRows:
    """CSR rows: `indptr` int64 (rows + 1), `indices` int32, `data` float32; column indices below
    `width`.
    """

    def __init__(self, indptr: Indices, indices: Labels, data: Floats, width: int) -> None: ...

class Parameter:
    """One named array of a layer. `shape` is the natural one, experts first: `(E, d, h)`, `(d, u)`,
    `(u,)`.
    """

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def role(self) -> str: ...
    """One of kernel, bias, scale, router, alpha, state, quantization, entries. A state is written
    by training, not by a gradient; a quantization holds the scales of an int8 kernel's columns;
    entries are what a sparse kernel is stored in.
    """
    @property
    def per_expert(self) -> bool: ...
    @property
    def storage(self) -> str: ...
    """One of float32, bfloat16, int8, uint16, int32, sparse."""

class Layer:
    """A layer's shapes and parameters. `options` are flat: `{"units": 10, "expert.kind": "mlp",
    ...}`.
    """

    def __init__(self, kind: str, options: dict[str, Any]) -> None: ...
    def build(self, input_widths: list[int]) -> None: ...
    @property
    def output_width(self) -> int: ...
    trainable: bool
    def set_random_stream(self, seed: int, stream: int) -> None: ...
    def parameters(self) -> list[Parameter]: ...
    def get(self, name: str) -> Floats: ...
    def set(self, name: str, value: Floats) -> None:
        """A kernel in bfloat16 or int8 is rounded, with int8 its scales are set too; `get` gives
        float32 values of it.
        """
    def get_stored(self, name: str) -> npt.NDArray[Any]:
        """The values as they are stored: float32, int8, the bits of bfloat16 as uint16, or numbers
        of units and inputs as uint16 or int32. A sparse kernel has none itself.
        """
    def check_stored(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """ValueError where `set_stored` would not take the arrays."""
    def set_stored(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """Sets parameters from arrays by name. ValueError where one has another shape or type, or
        those of a sparse kernel do not fit together; nothing is set then.
        """
    def set_penalty(self, name: str, l1: float, l2: float) -> None: ...
    def set_penalty_groups(self, name: str, groups: str) -> None:
        """What l1 holds for: none (single weights), input, unit or block."""
    def set_keeps_zeros(self, name: str, keeps_zeros: bool) -> None: ...
    def count_nonzero(self, name: str) -> int: ...
    def routing(self, x: Floats | SparseRows) -> tuple[Indices, Labels, Floats]:
        """Row offsets (n + 1), expert indices and weights of each row's chosen experts, in order of
        score.
        """
    def training_load(self) -> Indices:
        """Rows sent to each expert (E,) by training steps since `reset_training_load`."""
    def reset_training_load(self) -> None: ...

def input_gradients(
    network: Network, inputs: list[Floats | SparseRows], column: int
) -> list[Floats]:
    """d y[:, column] / d x of each input (n, width), row by row, for a network of one output."""

def gates(layer: Layer, x: Floats | SparseRows) -> Floats:
    """The gates (n, units) of a layer of gated experts, each in (0, 1)."""

def set_groups(layer: Layer, groups: list[int]) -> None:
    """Joins groups of a layer of gated experts: unit i goes to groups[i], whose matrix becomes the
    mean of those that its units had. ValueError where numbers leave gaps or exceed those of now.
    """

def pack_sparse(kernel: Floats, form: str) -> dict[str, npt.NDArray[Any]]:
    """A kernel (d, u) as the arrays of a compressed layer: values, places, offsets and, of form
    csr, order.
    """

def encode(layer: Layer, x: Floats, refit: bool = False) -> tuple[Indices, Labels, Floats]:
    """Row offsets (n + 1), latents in ascending order and values of each row's code, of a
    dictionary. `refit`: values by non-negative least squares, which needs values above 0.
    """

def decode(layer: Layer, codes: SparseRows) -> Floats:
    """The rows (n, d) that codes stand for, of a dictionary."""

def search(
    layer: Layer, codes: SparseRows, query: Floats | SparseRows, k: int
) -> tuple[Labels, Floats]:
    """Rows of codes (q, k) that score best for each query (q, d) or code (q, m), and their scores.

    Best first, ties by the lower row. ValueError where a score is beyond float32.
    """

class Network:
    """An acyclic graph of layers.

    Values 0..num_inputs-1 are the inputs; node i makes value num_inputs + i.
    """

    def __init__(
        self, num_inputs: int, nodes: list[tuple[Layer, list[int]]], outputs: list[int]
    ) -> None: ...
    def predict(self, inputs: list[Floats | SparseRows], batch_rows: int) -> list[Floats]:
        """Outputs, leading axes as the inputs'. ValueError at the first NaN or infinity. Safe from
        many threads.
        """

class Dataset:
    """Arrays held for training: inputs (samples, ..., d), targets, and one weight per sample and
    output or None.

    A target is float32 (samples, ..., units) or int32 labels (samples, ...). A sample may hold
    several rows.
    Checks shapes and (once, natively) that inputs and float targets are finite.
    """

    def __init__(
        self,
        inputs: list[Floats | SparseRows],
        targets: list[Floats | Labels],
        sample_weights: list[Floats | None],
    ) -> None: ...
    @property
    def samples(self) -> int: ...

class Trainer:
    """The whole training step of a network: forward, losses, backward, update, in one call.

    `losses` are (name, options) per output; `metrics` a list of names per output; `optimizer` flat
    options.
    A step returns [loss, loss of each output..., metrics of each output in order...]: means over
    the batch.
    """

    def __init__(
        self,
        network: Network,
        losses: list[tuple[str, dict[str, Any]]],
        loss_weights: list[float],
        metrics: list[list[str]],
        optimizer: dict[str, Any],
    ) -> None: ...
    def train_step(self, data: Dataset, samples: Indices) -> list[float]: ...
    def test_step(self, data: Dataset, samples: Indices) -> list[float]: ...
    learning_rate: float
    @property
    def steps(self) -> int: ...
    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of everything a continued run needs beside the weights: moments, step counts, kept
        penalties.
        """
    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None: ...
    def moments(self, layer: Layer, name: str) -> tuple[Floats | None, Floats | None]:
        """What the optimizer keeps for a parameter, in its natural shape: momentum, or Adam's m and
        v, or sums of gradients and of their squares.
        """
    def begin_fit(self) -> None:
        """Claims the layers for training by this thread. RuntimeError while another call is at work
        on them.
        """
    def end_fit(self) -> None: ...
