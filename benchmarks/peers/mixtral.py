"""The expert block of Mixtral in `transformers`, against SwiGLU experts.

The same arithmetic: no biases, softmax over all experts, weights normalised over the two chosen.
`transformers` runs the block expert by expert ("eager") or with `grouped_mm`.

python -m benchmarks.peers mixtral          (needs the extra `bench`)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON
from .shapes import Shape, make_data, make_weights
from .table import Work, print_table
from .torch_training import training_step

SHAPE = Shape(1024, 512, 1024, 8, 2)
IMPLEMENTATIONS = ("eager", "grouped_mm")
# A GLU expert has three kernels, an MLP expert two.
FLOPS = SHAPE.forward_flops + 2.0 * SHAPE.n * SHAPE.k * SHAPE.d * SHAPE.h
CHECKED = 2
THREADS = 2


def make_kernels() -> dict[str, Any]:
    """`gate` and `value` (E, d, h), `out` (E, h, d), `router` (d, E)."""
    weights = make_weights(SHAPE)
    value = np.ascontiguousarray(weights["kernel_in"][::-1])
    return {
        "gate": weights["kernel_in"],
        "value": value,
        "out": weights["kernel_out"],
        "router": weights["router"],
    }


def our_model() -> Any:
    """A model with one layer of SwiGLU experts."""
    import gatewise as gw

    gw.set_num_threads(THREADS)
    expert = gw.experts.GLU(SHAPE.h, activation="silu")
    layer = gw.SparseExpertLayer(
        SHAPE.d, num_experts=SHAPE.E, k=SHAPE.k, expert=expert, balance=None, use_bias=False
    )
    model = gw.Sequential([gw.Input(shape=(SHAPE.d,)), layer])
    model.set_weights(list(make_kernels().values()))
    return model


def our_forward() -> Step:
    """`predict` of a batch."""
    model, x = our_model(), make_data(SHAPE)[0][0]
    return lambda: model.predict(x, batch_size=SHAPE.n)


def our_step() -> Step:
    """The training step of `fit`."""
    import gatewise as gw
    from gatewise import _core

    model = our_model()
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "mse")
    trainer = model._training.prepare_trainer()
    x, y = (array[0] for array in make_data(SHAPE))
    data, rows = _core.Dataset([x], [y], [None]), np.arange(SHAPE.n)
    return lambda: trainer.train_step(data, rows)[0]


def make_block(implementation: str) -> Any:
    """The block of `transformers`, with the same weights."""
    import torch
    from transformers import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    torch.set_num_threads(THREADS)
    config = MixtralConfig(
        hidden_size=SHAPE.d,
        intermediate_size=SHAPE.h,
        num_local_experts=SHAPE.E,
        num_experts_per_tok=SHAPE.k,
        hidden_act="silu",
    )
    config._experts_implementation = implementation
    block = MixtralSparseMoeBlock(config)
    kernels = {name: torch.from_numpy(value) for name, value in make_kernels().items()}
    with torch.no_grad():
        block.gate.weight.copy_(kernels["router"].T)
        both = torch.cat([kernels["gate"], kernels["value"]], -1)
        block.experts.gate_up_proj.copy_(both.transpose(1, 2))
        block.experts.down_proj.copy_(kernels["out"].transpose(1, 2))
    return block


def block_forward(implementation: str) -> Step:
    """The block on one sequence of n tokens, without gradients."""
    import torch

    block, x = make_block(implementation), torch.from_numpy(make_data(SHAPE)[0])

    def step() -> Any:
        with torch.inference_mode():
            return block(x)[0]

    return step


def block_step(implementation: str) -> Step:
    """A training step with the fused Adam."""
    import torch

    block = make_block(implementation)
    batch = tuple(torch.from_numpy(array) for array in make_data(SHAPE))
    mse_loss = torch.nn.functional.mse_loss
    return training_step(block.parameters(), [batch], lambda x, y: mse_loss(block(x), y))


def main(rounds: int = 15) -> None:
    """Prints the tables of the forward pass and of the training step."""
    makers = {"forward": (our_forward, block_forward), "step": (our_step, block_step)}
    for (title, (ours, theirs)), factor in zip(makers.items(), (1, 3), strict=True):
        contenders = [Contender(f"gatewise, {THREADS} threads", ours, (), True)] + [
            Contender(f"transformers {name}, {THREADS} threads", theirs, (name,))
            for name in IMPLEMENTATIONS
        ]
        timings = alternate(contenders, rounds=rounds, check=CHECKED)
        print_table(f"Mixtral block, {title}, {SHAPE.name}", timings, Work(factor * FLOPS))


if __name__ == "__main__":
    main()
