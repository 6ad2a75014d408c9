"""Convolution experts: forward pass and training step of a batch of 32.

python -m benchmarks.peers convolution          (needs the extra `bench`)

An expert is a convolution with 64 filters of 3 x 3, ReLU, the mean over all positions, and a linear
map to 10 values, on maps of 64 channels. Tables: one expert, and four experts with k = 1. PyTorch
runs `nn.Conv2d` on maps in both memory layouts and loops over the experts that have rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .table import print_table

ROWS, CHANNELS, FILTERS, KERNEL, UNITS = 32, 64, 64, 3, 10
RATE = 1e-3


@dataclass(frozen=True)
class Shape:
    """Maps of `side` x `side`, and the expert count."""

    side: int
    experts: int


SHAPES = (Shape(7, 1), Shape(14, 1), Shape(28, 1), Shape(14, 4))


def make_data(shape: Shape) -> tuple[Any, ...]:
    """Maps (n, side, side, channels), targets, kernels in our layout, and the router's kernel."""
    random = np.random.default_rng(0)
    maps = random.normal(size=(ROWS, shape.side, shape.side, CHANNELS))
    targets = random.normal(size=(ROWS, UNITS))
    taps = KERNEL * KERNEL * CHANNELS
    inner = random.normal(size=(shape.experts, taps, FILTERS)) / taps**0.5
    outer = random.normal(size=(shape.experts, FILTERS, UNITS)) / FILTERS**0.5
    router = random.normal(size=(shape.side**2 * CHANNELS, shape.experts)) / shape.side
    return tuple(each.astype(np.float32) for each in (maps, targets, inner, outer, router))


def our_model(shape: Shape, threads: int) -> tuple[Any, Any, Any]:
    import gatewise as gw

    gw.set_num_threads(threads)
    maps, targets, inner, outer, router = make_data(shape)
    expert = gw.experts.Conv2D(FILTERS, KERNEL, (shape.side, shape.side))
    one = shape.experts == 1
    layer = gw.SparseExpertLayer(
        UNITS,
        num_experts=shape.experts,
        k=None if one else 1,
        expert=expert,
        router="all" if one else gw.routers.TopK(1, combine="sum"),
        balance=None,
    )
    model = gw.Sequential([gw.Input((router.shape[0],)), layer])
    zeros = [np.zeros((shape.experts, each)) for each in (FILTERS, UNITS)]
    weights = [inner, zeros[0], outer, zeros[1]]
    model.set_weights(weights if one else [*weights, router])
    model.compile(gw.optimizers.SGD(RATE), "mse")
    return model, maps.reshape(ROWS, -1), targets


def our_forward(shape: Shape, threads: int) -> Step:
    model, x, _ = our_model(shape, threads)
    network = model._training.require_network()
    return lambda: network.predict([x], ROWS)[0]


def our_step(shape: Shape, threads: int) -> Step:
    from gatewise import _core

    model, x, targets = our_model(shape, threads)
    trainer = model._training.prepare_trainer()
    data, samples = _core.Dataset([x], [targets], [None]), np.arange(ROWS)
    return lambda: trainer.train_step(data, samples)[0]


def torch_parts(shape: Shape, threads: int, channels_last: bool) -> tuple[Any, Any, Any, Any]:
    import torch

    torch.set_num_threads(threads)
    maps, targets, inner, outer, router = make_data(shape)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    x = torch.tensor(maps).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    experts = torch.nn.ModuleList()
    for kernel, last in zip(inner, outer, strict=True):
        convolution: Any = torch.nn.Conv2d(CHANNELS, FILTERS, KERNEL, padding=1)
        linear = torch.nn.Linear(FILTERS, UNITS)
        taps = kernel.reshape(KERNEL, KERNEL, CHANNELS, FILTERS).transpose(3, 2, 0, 1)
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor(taps))
            linear.weight.copy_(torch.tensor(last.T))
            torch.nn.init.zeros_(convolution.bias)
            torch.nn.init.zeros_(linear.bias)
        experts.append(torch.nn.ModuleList([convolution, linear]))
    everything: Any = experts
    everything.to(memory_format=layout)
    rows, scores = torch.tensor(maps.reshape(ROWS, -1)), torch.tensor(router)

    def run() -> Any:
        if shape.experts == 1:
            return run_expert(experts[0], x)
        chosen = (rows @ scores).argmax(1)
        y = torch.zeros(ROWS, UNITS)
        for expert_index, expert in enumerate(experts):
            mine = (chosen == expert_index).nonzero()[:, 0]
            if len(mine):
                y = y.index_add(0, mine, run_expert(expert, x[mine]))
        return y

    return run, experts, torch.tensor(targets), torch


def run_expert(expert: Any, x: Any) -> Any:
    convolution, linear = expert
    return linear(convolution(x).relu().mean((2, 3)))


def torch_forward(shape: Shape, threads: int, channels_last: bool) -> Step:
    run, _, _, torch = torch_parts(shape, threads, channels_last)

    def forward() -> Any:
        with torch.inference_mode():
            return run().numpy()

    return forward


def torch_step(shape: Shape, threads: int, channels_last: bool) -> Step:
    run, experts, targets, torch = torch_parts(shape, threads, channels_last)
    optimizer = torch.optim.SGD(experts.parameters(), RATE)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(run(), targets)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def tables(threads: int) -> dict[str, tuple[Contender, ...]]:
    found: dict[str, tuple[Contender, ...]] = {}
    for shape in SHAPES:
        name = f"{ROWS} maps of {shape.side} x {shape.side}, {shape.experts} experts"
        for work, ours, theirs in (
            ("forward", our_forward, torch_forward),
            ("step", our_step, torch_step),
        ):
            found[f"{work}, {name}"] = (
                Contender(f"gatewise, {threads} threads", ours, (shape, threads), ours=True),
                Contender("PyTorch, channels first", theirs, (shape, threads, False)),
                Contender("PyTorch, channels last", theirs, (shape, threads, True)),
            )
    return found


def main(rounds: int = 15) -> None:
    """Prints the tables."""
    from gatewise import get_num_threads

    for title, contenders in tables(get_num_threads()).items():
        print_table(title, alternate(contenders, rounds=rounds, tolerance=1e-3))


if __name__ == "__main__":
    main()
