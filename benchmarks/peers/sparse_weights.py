"""A layer of 2048 inputs and units with 90, 95 and 99 % random zeros: our forms, SciPy, PyTorch.

python -m benchmarks.peers sparse_weights          (needs the extra `bench`)

`y = x W` for 1 and 256 rows. With "weights from memory", each call uses another copy of W, and the
copies together exceed eight times the last-level cache. SciPy and PyTorch store W or its transpose
as CSR with 32-bit indices (PyTorch converts 64-bit indices in each call), and multiply one row as a
vector; SciPy uses one thread. PyTorch's "columns" reads x and returns y in column-major order, the
order of its product, so that no call transposes. Omitted because they are slower:
`torch.nn.functional.linear` with a CSR weight (as slow as dense at 256 rows) and `x @ W` (many
times as slow).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .shapes import LAST_CACHE_BYTES
from .table import Work, print_table

WIDTH = 2048
ROWS_SEEN = 64  # different inputs, used in turn


@dataclass(frozen=True)
class Case:
    """Row count, and a layer with the fraction `zeros` of zero weights."""

    zeros: float
    rows: int
    from_memory: bool = False

    @property
    def name(self) -> str:
        source = ", weights from memory" if self.from_memory else ""
        return f"{self.zeros:.0%} zeros, {self.rows} row{'s' * (self.rows > 1)}{source}"

    def copies(self, held_bytes: int) -> int:
        """Count of copies of weights of that size that the calls use in turn."""
        return 8 * LAST_CACHE_BYTES // held_bytes + 1 if self.from_memory else 1


CASES = tuple(
    Case(zeros, rows, from_memory)
    for zeros in (0.9, 0.95, 0.99)
    for rows, from_memory in ((1, False), (1, True), (256, False))
)


def make_weights(case: Case) -> np.ndarray:
    random = np.random.default_rng(0)
    kept = random.random((WIDTH, WIDTH)) >= case.zeros
    return np.where(kept, random.normal(size=(WIDTH, WIDTH)), 0).astype(np.float32)


def make_inputs(case: Case) -> np.ndarray:
    size = (1 if case.rows > 1 else ROWS_SEEN, case.rows, WIDTH)
    return np.random.default_rng(1).normal(size=size).astype(np.float32)


def cycle_step(held: list[Any], inputs: Any, multiply: Callable[[Any, Any], Any]) -> Step:
    """A step that uses the next copy of the weights and the next input."""
    pairs = zip(itertools.cycle(held), itertools.cycle(inputs), strict=False)
    return lambda: multiply(*next(pairs))


def ours(case: Case, form: str | None, threads: int) -> Step:
    """`predict` of the compressed layer; of the dense layer if `form` is None."""
    import gatewise as gw

    gw.set_num_threads(threads)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(WIDTH, use_bias=False)])
    model.set_weights([make_weights(case)])
    if form is not None:
        model = gw.compress.compress(model, form)
    held = [model]
    for _ in range(case.copies(model.count_bytes()) - 1):
        held.append(type(model).from_config(model.get_config()))
        held[-1].layers[0].set_stored_weights(model.layers[0].stored_weights())

    def multiply(model: Any, x: np.ndarray) -> np.ndarray:
        y: np.ndarray = model.predict(x, batch_size=case.rows, verbose=0)
        return y

    return cycle_step(held, make_inputs(case), multiply)


def scipy_csr(case: Case, transposed: bool) -> Step:
    import scipy.sparse as sp

    w = make_weights(case)
    first = sp.csr_array(w.T if transposed else w)
    size = first.data.nbytes + first.indices.nbytes + first.indptr.nbytes
    held = [first, *(first.copy() for _ in range(case.copies(size) - 1))]

    def multiply(w: Any, x: np.ndarray) -> Any:
        if case.rows == 1:
            return (w @ x[0] if transposed else x[0] @ w)[None]
        return (w @ x.T).T if transposed else x @ w

    return cycle_step(held, make_inputs(case), multiply)


def torch_csr(case: Case, threads: int, columns: bool) -> Step:
    import torch

    torch.set_num_threads(threads)
    warnings.filterwarnings("ignore", message="Sparse")  # CSR is beta, indices unchecked
    first = torch.tensor(make_weights(case).T.copy()).to_sparse_csr()
    parts = (first.crow_indices().int(), first.col_indices().int(), first.values())
    size = sum(part.nbytes for part in parts)
    held = [
        torch.sparse_csr_tensor(*(part.clone() for part in parts), first.shape)
        for _ in range(case.copies(size))
    ]
    inputs = list(torch.tensor(make_inputs(case)))
    if columns:
        inputs = [x.T.contiguous() for x in inputs]

    def multiply(w: Any, x: Any) -> Any:
        with torch.inference_mode():
            if case.rows == 1:
                return (w @ x[0])[None]
            return (w @ (x if columns else x.T)).T

    return cycle_step(held, inputs, multiply)


def torch_dense(case: Case, threads: int) -> Step:
    import torch

    torch.set_num_threads(threads)
    first = torch.tensor(make_weights(case).T.copy())
    held = [first, *(first.clone() for _ in range(case.copies(first.nbytes) - 1))]

    def multiply(w: Any, x: Any) -> Any:
        with torch.inference_mode():
            return torch.nn.functional.linear(x, w)

    return cycle_step(held, torch.tensor(make_inputs(case)), multiply)


def contenders(case: Case, threads: int) -> list[Contender]:
    """Contenders; ours are first because the others are compared with them."""
    theirs = f"PyTorch, {threads} threads, "
    found = [
        Contender(
            f"gatewise, {threads} threads, {form or 'dense'}", ours, (case, form, threads), True
        )
        for form in ("csr", "blocks", None)
    ]
    found += [
        Contender("SciPy CSR, x @ W", scipy_csr, (case, False)),
        Contender("SciPy CSR, W^T @ x^T", scipy_csr, (case, True)),
        Contender(f"{theirs}CSR, W^T @ x^T", torch_csr, (case, threads, False)),
        Contender(f"{theirs}dense", torch_dense, (case, threads)),
    ]
    if case.rows > 1:
        columns = Contender(f"{theirs}CSR, columns", torch_csr, (case, threads, True))
        found.insert(-1, columns)
    return found


def main(rounds: int = 15) -> None:
    """Prints the tables."""
    from gatewise import get_num_threads

    for case in CASES:
        timings = alternate(contenders(case, get_num_threads()), rounds=rounds)
        num_nonzeros = (1 - case.zeros) * WIDTH * WIDTH
        print_table(f"{WIDTH} x {WIDTH}, {case.name}", timings, Work(2 * case.rows * num_nonzeros))
        times = {timing.contender.name.rpartition(" ")[2]: timing.median for timing in timings[:3]}
        print(f"dense takes {times['dense'] / times['csr']:.2f} times as long as csr")


if __name__ == "__main__":
    main()
