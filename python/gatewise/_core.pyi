"""The Python interface of the native core.

Arrays are float32 and C-contiguous unless stated otherwise; only `gatewise.data.convert` converts
them. The leading axes of an array are flattened to rows, its last axis holds the features.
"""

from collections.abc import Callable, Sequence
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
def limit_threads(count: int) -> None: ...
def allocation_count() -> int: ...
def parallel_probe(count: int) -> int: ...
def peak_flops() -> float: ...
def peak_int8() -> float: ...
def peak_bfloat16() -> float: ...
def read_bandwidth(bytes: int) -> float: ...
def random_uniform(seed: int, stream: int, size: int, low: float, high: float) -> Floats: ...
def random_normal(seed: int, stream: int, size: int, mean: float, stddev: float) -> Floats: ...
def random_orthogonal(seed: int, stream: int, rows: int, cols: int) -> Floats: ...
def permutation(seed: int, stream: int, size: int) -> Indices: ...
def find_nonfinite(x: Floats) -> tuple[int, int] | None: ...
def router_kinds() -> list[str]: ...
def expert_kinds() -> list[str]: ...

class SparseRows:
    """CSR rows: `indptr` int64 (n + 1), `indices` int32, all below `width`, and `data` float32."""

    def __init__(self, indptr: Indices, indices: Labels, data: Floats, width: int) -> None: ...

class Parameter:
    """One named array of a layer. `shape` has experts first: `(E, d, h)`, `(d, u)`, `(u,)`."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def stored_shape(self) -> tuple[int, ...]:
        """That of `get_stored`: two rows of int4 codes share bytes."""
    @property
    def role(self) -> str: ...
    """One of kernel, bias, scale, router, alpha, state, quantization, nonzeros. A state is written
    by training, but not from a gradient; quantization parameters are the scales of an int8 or int4
    kernel's columns or rows and of an int4 kernel's blocks; nonzeros store a sparse kernel.
    """
    @property
    def per_expert(self) -> bool: ...
    @property
    def storage(self) -> str: ...
    """One of float32, bfloat16, int8, int4, uint8, uint16, int32, sparse."""

class Layer:
    """A layer's shapes and parameters. `options` are flat: `{"units": 10, "expert.kind": "mlp",
    ...}`.
    """

    def __init__(self, kind: str, options: dict[str, Any]) -> None: ...
    def build(self, input_widths: list[int], max_values: int = ...) -> int:
        """Allocates the parameters and returns how many values they have in natural shapes; raises
        ValueError above `max_values`.
        """
    @property
    def output_width(self) -> int: ...
    trainable: bool
    def set_output_activation(self, name: str) -> None: ...
    def set_random_stream(self, seed: int, stream: int) -> None: ...
    def parameters(self) -> list[Parameter]: ...
    def get(self, name: str) -> Floats: ...
    def set(self, name: str, value: Floats) -> None:
        """Sets one parameter. A kernel in bfloat16, int8 or int4 is rounded, and its scales are
        set; `get` returns its values as float32.
        """
    def get_stored(self, name: str) -> npt.NDArray[Any]:
        """Values as stored: float32, int8, the bits of bfloat16 as uint16, two int4 codes and
        scales of blocks as uint8, or indices of units and inputs as uint16 or int32. A sparse
        kernel itself has no stored values.
        """
    def check_stored(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """Raises ValueError if `set_stored` would reject the arrays."""
    def set_stored(self, values: dict[str, npt.NDArray[Any]]) -> None:
        """Sets parameters from arrays by name. Raises ValueError, and sets nothing, if a shape or
        type differs or the arrays of a sparse kernel are inconsistent.
        """
    def set_penalty(self, name: str, l1: float, l2: float) -> None: ...
    def set_penalty_groups(self, name: str, groups: str) -> None:
        """Sets the weight groups that l1 penalizes: none (single weights), input, unit, block."""
    def set_keeps_zeros(self, name: str, keeps_zeros: bool) -> None: ...
    def set_constraint(
        self,
        name: str,
        kind: str,
        rows: Sequence[int],
        group_rows: int,
        by_column: bool,
        min_norm: float,
        max_norm: float,
        rate: float,
    ) -> None:
        """What each update makes of the weights: "none", "non_negative" or "norm", which bounds
        the norms of groups of `group_rows` of `rows`, of each column or of whole groups.
        """
    def count_nonzero(self, name: str) -> int: ...
    def routing(self, x: Floats | SparseRows) -> tuple[Indices, Labels, Floats]:
        """Indptr (n + 1), expert indices and weights of each row's experts, by descending score.

        With members, of n rows for each member.
        """
    def training_load(self) -> Indices:
        """Row count of each expert, or of each latent in whose code it is active, in training steps
        since `reset_training_load`. ValueError for a layer of another kind.
        """
    def reset_training_load(self) -> None: ...

def loss_values(
    kind: str, options: dict[str, Any], y_true: Floats | Labels, y_pred: Floats
) -> Floats:
    """The loss of each row of predictions (n, u), without weights."""

def metric_values(
    kind: str, options: dict[str, Any], y_true: Floats | Labels, y_pred: Floats
) -> Floats:
    """The metric of each row of predictions (n, u)."""

def input_gradients(
    network: Network, inputs: list[Floats | SparseRows], column: int
) -> list[Floats]:
    """The gradients d y[:, column] / d x of each input (n, width), row by row; one output only."""

def gates(layer: Layer, x: Floats | SparseRows) -> Floats:
    """The gates (n, units) of a layer of gated experts, each in (0, 1)."""

def set_groups(layer: Layer, groups: list[int]) -> None:
    """Merges groups of gated experts: unit i moves to groups[i], whose matrix becomes the mean of
    its units' matrices. Raises ValueError if indices have gaps or groups are more than before.
    """

def pack_sparse(kernel: Floats, form: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a compressed layer from a kernel (d, u): data, indices, panel_offsets and, with
    form csr, column_order.
    """

def encode(
    layer: Layer, x: Floats, refit: bool = False, checked: bool = False
) -> tuple[Indices, Labels, Floats]:
    """Codes of rows: indptr (n + 1), latents in ascending order, and values. `refit` recomputes the
    values by non-negative least squares, which needs values above 0. `checked` as for `Dataset`.
    """

def decode(layer: Layer, codes: SparseRows) -> Floats:
    """The rows (n, d) that a dictionary reconstructs from codes."""

def search(
    layer: Layer, codes: SparseRows, query: Floats | SparseRows, k: int
) -> tuple[Labels, Floats]:
    """Indices (q, k) of the codes that score best for each query (q, d) or code (q, m), and scores.

    Best first, ties to the lower index. Raises ValueError if a score overflows float32.
    """

class Network:
    """An acyclic graph of layers.

    Values 0..num_inputs-1 are the inputs; node i computes value num_inputs + i.
    """

    def __init__(
        self, num_inputs: int, nodes: list[tuple[Layer, list[int]]], outputs: list[int]
    ) -> None: ...
    @property
    def reads_whole_samples(self) -> bool:
        """Whether a layer reads several rows of a sample together."""
    def predict(
        self,
        inputs: Sequence[Floats | Labels | SparseRows],
        batch_rows: int,
        checked: bool = False,
        shapes: Sequence[Sequence[int]] = (),
    ) -> list[Floats]:
        """Outputs with the leading axes of the inputs or, where whole samples are read, with
        `shapes`, those of a sample of each output; `batch_rows` are then samples. Raises ValueError
        at the first NaN or infinity, unless `checked` (see `Dataset`). Thread-safe.
        """

class Dataset:
    """Training data: inputs (samples, ..., d), targets, and per output sample weights or None.

    A target is float32 (samples, ..., units) or int32 labels (samples, ...). A sample may have
    several rows; weights are those of samples or of rows. Shapes are checked, and that inputs,
    float targets and weights are finite, unless `checked`: the caller knows that they are, since
    `gatewise.data.convert` has checked them.
    """

    def __init__(
        self,
        inputs: Sequence[Floats | Labels | SparseRows],
        targets: list[Floats | Labels],
        sample_weights: list[Floats | None],
        checked: bool = False,
    ) -> None: ...
    @property
    def samples(self) -> int: ...

class Trainer:
    """Runs training steps of a network: forward, losses, backward and update in one call.

    `losses` are (kind, options) per output, `metrics` a list of them per output, `optimizer` flat
    options. In place of its kind, a loss may be a function (y_true, y_pred) -> (values, gradient)
    of float32 arrays, or int32 labels, which each step calls once. A step returns [loss, loss of
    each output..., metrics of each output in order..., losses of layers, samples that count]: rows
    whose weight is 0 for every output do not, and a step leaves them out. Losses of layers are
    means over the rows that count, metrics over the batch, losses of outputs over the batch or,
    with `mean_over_counted`, over the rows that count.
    """

    def __init__(
        self,
        network: Network,
        losses: list[tuple[str | Callable[..., tuple[Floats, Floats]], dict[str, Any]]],
        loss_weights: list[float],
        metrics: list[list[tuple[str, dict[str, Any]]]],
        optimizer: dict[str, Any],
        mean_over_counted: bool = False,
        recorded: list[bool] = ...,
    ) -> None: ...
    def train_step(self, data: Dataset, samples: Indices) -> list[float]: ...
    def test_step(self, data: Dataset, samples: Indices) -> list[float]: ...
    def record(self, output: int) -> tuple[Floats | Labels, Floats, Floats | None]:
        """Targets, predictions and weights of the rows of the last step, if `recorded`."""
    learning_rate: float
    @property
    def steps(self) -> int: ...
    @property
    def averages_are_weights(self) -> bool:
        """Whether `swap_averages` has exchanged them."""
    def swap_averages(self) -> None:
        """Exchanges weights and their averages; `train_step` raises ValueError until they are
        exchanged back.
        """
    def keep_averages(self) -> None:
        """The averages, if the optimizer has them, become the weights."""
    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of all that continued training needs besides weights: moments, step counts and
        penalties.
        """
    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None: ...
    def moments(self, layer: Layer, name: str) -> tuple[Floats | None, Floats | None]:
        """Optimizer state of a parameter in its natural shape: momentum, or Adam's m and v, or sums
        of gradients and of their squares.
        """
    def begin_fit(self) -> None:
        """Claims the layers for training by this thread. Raises RuntimeError while another call
        uses them.
        """
    def end_fit(self) -> None: ...
