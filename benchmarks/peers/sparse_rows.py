"""CSR rows through a dense layer and 16 linear experts: forward pass, and training step with SGD.

python -m benchmarks.peers sparse_rows          (needs the extra `bench`)

SciPy multiplies with its compiled loops on one thread, PyTorch with `torch.sparse_csr_tensor @ W`
and the backward pass of `torch.sparse.mm` on all threads. With experts, SciPy loops over those that
have rows and extracts their rows from the matrix; PyTorch cannot extract rows of a CSR tensor, so
it has no table with experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .table import print_table

EXPERTS, K = 16, 2
RATE = 0.1


@dataclass(frozen=True)
class Shape:
    """n rows of d columns with the given density of nonzeros, and `units` outputs."""

    n: int
    d: int
    density: float
    units: int


SHAPES = (
    Shape(4096, 10_000, 0.005, 128),
    Shape(512, 50_000, 0.001, 64),
    Shape(2048, 4096, 32 / 4096, 128),  # codes of a dictionary
)


def make_rows(shape: Shape) -> Any:
    import scipy.sparse as sp

    random = np.random.default_rng(0)
    return sp.random(
        shape.n, shape.d, shape.density, "csr", np.float32, random, data_rvs=random.standard_normal
    )


def make_weights(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernels of the experts, the router's kernel, and targets."""
    random = np.random.default_rng(1)
    experts = random.normal(size=(EXPERTS, shape.d, shape.units)) * 0.1
    router = random.normal(size=(shape.d, EXPERTS)) * 0.1
    targets = random.normal(size=(shape.n, shape.units))
    return experts.astype(np.float32), router.astype(np.float32), targets.astype(np.float32)


def our_model(shape: Shape, kind: str, threads: int) -> Any:
    import gatewise as gw

    gw.set_num_threads(threads)
    experts, router, _ = make_weights(shape)
    layer: gw.layers.Layer
    if kind == "dense":
        layer = gw.layers.Dense(shape.units, use_bias=False)
        weights = [experts[0]]
    else:
        layer = gw.SparseExpertLayer(
            shape.units, num_experts=EXPERTS, k=K, balance=None, use_bias=False
        )
        weights = [experts, router]
    model = gw.Sequential([gw.Input(shape=(shape.d,)), layer])
    model.set_weights(weights)
    model.compile(gw.optimizers.SGD(RATE), "mse")
    return model


def our_forward(shape: Shape, kind: str, threads: int) -> Step:
    model, x = our_model(shape, kind, threads), make_rows(shape)
    return lambda: model.predict(x, batch_size=shape.n)


def our_step(shape: Shape, threads: int) -> Step:
    from gatewise import _core

    x, targets = make_rows(shape), make_weights(shape)[2]
    trainer = our_model(shape, "dense", threads)._training.prepare_trainer()
    rows = _core.SparseRows(x.indptr.astype(np.int64), x.indices, x.data, shape.d)
    data = _core.Dataset([rows], [targets], [None])
    samples = np.arange(shape.n)
    return lambda: trainer.train_step(data, samples)[0]


def scipy_forward(shape: Shape, kind: str) -> Step:
    x = make_rows(shape)
    experts, router, _ = make_weights(shape)

    def mixed() -> np.ndarray:
        logits = x @ router
        chosen = np.argpartition(-logits, K - 1, axis=1)[:, :K]
        best = np.take_along_axis(logits, chosen, 1)
        weights = np.exp(best - best.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        y = np.zeros((shape.n, shape.units), np.float32)
        for e in range(EXPERTS):
            rows, slots = np.nonzero(chosen == e)
            if len(rows):
                y[rows] += weights[rows, slots, None] * (x[rows] @ experts[e])
        return y

    return mixed if kind == "experts" else lambda: x @ experts[0]


def scipy_step(shape: Shape) -> Step:
    x = make_rows(shape)
    w, targets = make_weights(shape)[0][0].copy(), make_weights(shape)[2]

    def step() -> float:
        difference = x @ w - targets
        loss = float(np.mean(difference * difference))
        difference *= 2 / difference.size
        np.subtract(w, RATE * (x.T @ difference), out=w)
        return loss

    return step


def torch_parts(shape: Shape, threads: int) -> tuple[Any, Any, Any]:
    import torch

    torch.set_num_threads(threads)
    x = make_rows(shape)
    experts, _, targets = make_weights(shape)
    rows = torch.sparse_csr_tensor(
        torch.tensor(x.indptr, dtype=torch.int64),
        torch.tensor(x.indices, dtype=torch.int64),
        torch.tensor(x.data),
        x.shape,
    )
    return rows, torch.tensor(experts[0]), torch.tensor(targets)


def torch_forward(shape: Shape, threads: int) -> Step:
    import torch

    x, w, _ = torch_parts(shape, threads)

    def forward() -> Any:
        with torch.inference_mode():
            return (x @ w).numpy()

    return forward


def torch_step(shape: Shape, threads: int) -> Step:
    import torch

    x, w, targets = torch_parts(shape, threads)
    w.requires_grad_(True)
    optimizer = torch.optim.SGD([w], RATE)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(torch.sparse.mm(x, w), targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def tables(threads: int) -> dict[str, tuple[Contender, ...]]:
    found: dict[str, tuple[Contender, ...]] = {}
    for shape in SHAPES:
        name = f"n {shape.n}, d {shape.d:,}, {shape.density:.1%}, {shape.units} units"
        ours = f"gatewise, {threads} threads"
        theirs = f"PyTorch, {threads} threads"
        found[f"dense forward, {name}"] = (
            Contender(ours, our_forward, (shape, "dense", threads), ours=True),
            Contender("SciPy", scipy_forward, (shape, "dense")),
            Contender(theirs, torch_forward, (shape, threads)),
        )
        found[f"dense step, {name}"] = (
            Contender(ours, our_step, (shape, threads), ours=True),
            Contender("SciPy", scipy_step, (shape,)),
            Contender(theirs, torch_step, (shape, threads)),
        )
        found[f"{EXPERTS} experts forward, {name}"] = (
            Contender(ours, our_forward, (shape, "experts", threads), ours=True),
            Contender("SciPy", scipy_forward, (shape, "experts")),
        )
    return found


def main(rounds: int = 15) -> None:
    """Prints the tables."""
    from gatewise import get_num_threads

    for title, contenders in tables(get_num_threads()).items():
        print_table(title, alternate(contenders, rounds=rounds, tolerance=1e-3))


if __name__ == "__main__":
    main()
