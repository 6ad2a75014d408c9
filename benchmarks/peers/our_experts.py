"""The expert layer in gatewise: a prediction, and a training step."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .alternate import Step
from .shapes import Shape, make_data, make_weights

# PyTorch adds epsilon to the root of the corrected variance, Keras to that of the uncorrected one:
# these two agree in the first step, after which the losses are compared.
EPSILON, TORCH_EPSILON = 1e-6, 1e-6 / (1 - 0.999) ** 0.5


def make_model(shape: Shape, threads: int) -> Any:
    """A model of the one layer, with the weights that all contenders start from."""
    import gatewise as gw

    gw.set_num_threads(threads)
    expert = gw.experts.MLP(shape.h, activation="relu")
    layer = gw.SparseExpertLayer(shape.d, num_experts=shape.E, k=shape.k, expert=expert)
    model = gw.Sequential([gw.Input(shape=(shape.d,)), layer])
    weights = make_weights(shape)
    names = ("kernel_in", "bias_in", "kernel_out", "bias_out", "router")
    model.set_weights([weights[name] for name in names])
    return model


def precisions() -> dict[str, float]:
    """Kernels' precisions that predictions can be made with, and the error that is allowed each.

    Relative to the largest output: bfloat16 has 8 significant bits, int8 as many with its sign.
    """
    import gatewise as gw

    return {"bfloat16": 0.02, "int8": 0.05} if hasattr(gw.Sequential, "quantize") else {}


def our_forward(shape: Shape, threads: int, precision: str | None = None) -> Step:
    """`predict` of a batch as users call it; `precision` is that of the stored kernels."""
    model = make_model(shape, threads)
    if precision is not None:
        model = model.quantize(precision) or model
    batches = itertools.cycle(make_data(shape)[0])
    return lambda: model.predict(next(batches), batch_size=shape.n)


def our_step(shape: Shape, threads: int) -> Step:
    """The step of `fit`: one native call on rows named by their indices."""
    import gatewise as gw
    from gatewise import _core

    model = make_model(shape, threads)
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "mse")
    trainer = model._prepare_trainer()
    x, y = (array.reshape(-1, shape.d) for array in make_data(shape))
    data = _core.Dataset([x], [y], [None])
    row_indices = np.arange(len(x)).reshape(shape.batches, shape.n)
    batches = itertools.cycle(row_indices)
    return lambda: trainer.train_step(data, next(batches))[0]
