"""Training steps of the expert layers of `real_shapes`, against PyTorch and dense products.

Steps with Adam and mean squared error, without the gradient of the input. All layers but Granite's
are cut to 16 experts, for the memory of all contenders. "mixed" has float32 weights and bfloat16
factors of products: `dtype="mixed_bfloat16"` here, casts of rows and weights in PyTorch, as its
autocast makes them. "bfloat16" has bfloat16 weights and moments too, and loses what an update
changes below a 256th of a weight. Dense products are three times those of a forward pass, without
an optimizer.

python -m benchmarks.peers real_training      (needs the extra `bench`)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON
from .real_shapes import LAYERS, THREADS, dense_products, our_model, torch_forward
from .shapes import Shape
from .table import Work, print_table
from .torch_training import training_step

ROWS = (512, 4096)
_WHOLE, _CUT_TO = "Granite 3.0 1B-A400M", 16


def _data(layer: Shape) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    x, y = (rng.standard_normal((layer.n, layer.d), np.float32) for _ in range(2))
    return x, y


def our_step(layer: Shape, dtype: str) -> Step:
    """The training step of `fit`: one native call on row indices."""
    import gatewise as gw
    from gatewise import _core

    model = our_model(layer, dtype)
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "mse")
    trainer = model._training.prepare_trainer()
    x, y = _data(layer)
    data, rows = _core.Dataset([x], [y], [None]), np.arange(layer.n)
    return lambda: trainer.train_step(data, rows)[0]


def torch_step(layer: Shape, precision: str, form: str) -> Step:
    """A training step with the fused Adam."""
    import torch

    torch.set_num_threads(THREADS)
    stored = torch.bfloat16 if precision == "bfloat16" else torch.float32
    multiplied = torch.float32 if precision == "float32" else torch.bfloat16
    forward, parameters = torch_forward(layer, stored, multiplied, form)
    x, y = map(torch.from_numpy, _data(layer))
    mse_loss = torch.nn.functional.mse_loss
    return training_step(parameters, [(x, y)], lambda rows, to: mse_loss(forward(rows), to))


def three_products(layer: Shape, dtype: str) -> Step:
    """The flops of a step, by dense products."""
    products = dense_products(layer, dtype)
    return lambda: [products() for _ in range(3)]


def _contenders(layer: Shape) -> list[Contender]:
    found = [
        Contender("gatewise, float32", our_step, (layer, "float32"), True),
        Contender("gatewise, mixed", our_step, (layer, "mixed_bfloat16"), True, 0.02),
    ]
    for precision in ("float32", "mixed", "bfloat16"):
        found += [
            Contender(
                f"PyTorch {form}, {precision}", torch_step, (layer, precision, form), False, 0.02
            )
            for form in ("loop", "grouped_mm")
        ]
    for dtype in ("float32", "bfloat16"):
        name = f"dense products, {dtype}"
        found.append(Contender(name, three_products, (layer, dtype), is_same_work=False))
    return found


def main(rounds: int = 15) -> None:
    """Prints a table for each layer and number of rows."""
    for name, row in LAYERS.items():
        experts = row.E if name == _WHOLE else _CUT_TO
        for n in ROWS:
            layer = replace(row, n=n, E=experts)
            timings = alternate(_contenders(layer), rounds=min(rounds, 3), check=1)
            flops = 18.0 * n * layer.k * layer.d * layer.h
            print_table(f"{name}, {layer.name}", timings, Work(flops))


if __name__ == "__main__":
    main()
