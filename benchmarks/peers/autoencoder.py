"""A training step of the autoencoder 784-100-50-10-50-100-784 at batch 32, against PyTorch.

ReLU except in the last layer, MSE, Adam. PyTorch runs eager and compiled, with the fused Adam.
Compilation covers forward pass and loss, and thereby their backward pass.

python -m benchmarks.peers autoencoder          (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON
from .small_data import BATCH, ROWS, make_data
from .small_steps import CHECKED, SECONDS, THREADS, our_contenders
from .table import print_table
from .torch_experts import linear
from .torch_training import training_step

WIDTHS = (784, 100, 50, 10, 50, 100, 784)
COMPILE_MODES = (None, "default", "max-autotune-no-cudagraphs")


def make_kernels() -> list[npt.NDArray[np.float32]]:
    """One kernel per layer; biases start at 0."""
    random = np.random.default_rng(1)
    return [
        random.normal(0, (2 / a) ** 0.5, (a, b)).astype(np.float32)
        for a, b in itertools.pairwise(WIDTHS)
    ]


def our_step(threads: int) -> Step:
    """The training step of `fit`: one native call on row indices."""
    import gatewise as gw
    from gatewise import _core

    gw.set_num_threads(threads)
    activations = ["relu"] * (len(WIDTHS) - 2) + ["linear"]
    layers = [
        gw.layers.Dense(units, activation=activation)
        for units, activation in zip(WIDTHS[1:], activations, strict=True)
    ]
    model = gw.Sequential([gw.Input(shape=WIDTHS[:1]), *layers])
    zeros = [np.zeros(units, np.float32) for units in WIDTHS[1:]]
    pairs = zip(make_kernels(), zeros, strict=True)
    model.set_weights([array for pair in pairs for array in pair])
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "mse")
    trainer = model._training.prepare_trainer()
    x = make_data()[0]
    data = _core.Dataset([x], [x], [None])
    batches = itertools.cycle(np.arange(ROWS).reshape(-1, BATCH))
    return lambda: trainer.train_step(data, next(batches))[0]


def torch_step(mode: str | None, threads: int) -> Step:
    """A step with the fused Adam, on batches split beforehand; compiled unless `mode` is None."""
    import torch

    torch.set_num_threads(threads)
    layers: list[Any] = []
    for kernel in make_kernels():
        layers += [linear(torch.from_numpy(kernel), torch.zeros(kernel.shape[1])), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])

    def loss_of(rows: Any) -> Any:
        return torch.nn.functional.mse_loss(model(rows), rows)

    compute = loss_of if mode is None else torch.compile(loss_of, mode=mode)
    batches = [(rows,) for rows in torch.from_numpy(make_data()[0]).split(BATCH)]
    return training_step(model.parameters(), batches, compute)


def main(rounds: int = 15) -> None:
    """Prints the table."""
    theirs = [
        Contender(f"PyTorch {mode or 'eager'}, {t} threads", torch_step, (mode, t))
        for mode in COMPILE_MODES
        for t in THREADS
    ]
    contenders = [*our_contenders(our_step), *theirs]
    timings = alternate(contenders, rounds=rounds, seconds=SECONDS, check=CHECKED)
    print_table(f"Training step, {'-'.join(map(str, WIDTHS))}, batch {BATCH}", timings)


if __name__ == "__main__":
    main()
