"""The expert layer in gatewise: prediction and training step."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .alternate import Step
from .shapes import Shape, make_data, make_weights

# PyTorch adds epsilon to the root of the bias-corrected second moment, Keras to that of the
# uncorrected one. These two values agree in the first step, after which losses are compared.
EPSILON, TORCH_EPSILON = 1e-6, 1e-6 / (1 - 0.999) ** 0.5


def make_model(shape: Shape, threads: int, dtype: str = "float32") -> Any:
    """A model of one layer, with the initial weights of all contenders."""
    import gatewise as gw

    gw.set_num_threads(threads)
    expert = gw.experts.MLP(shape.h, activation="relu")
    layer = gw.SparseExpertLayer(
        shape.d, num_experts=shape.E, k=shape.k, expert=expert, balance=None, dtype=dtype
    )
    model = gw.Sequential([gw.Input(shape=(shape.d,)), layer])
    weights = make_weights(shape)
    names = ("kernel_in", "bias_in", "kernel_out", "bias_out", "router")
    model.set_weights([weights[name] for name in names])
    return model


def precisions() -> dict[str, float]:
    """Storage types of quantized kernels, with the allowed error relative to the largest output.

    bfloat16 has 8 significant bits, int8 as many including its sign, int4 half as many.
    """
    import gatewise as gw

    kinds = {"bfloat16": 0.02, "int8": 0.05, "int4": 0.3}
    return kinds if hasattr(gw.Sequential, "quantize") else {}


def our_forward(shape: Shape, threads: int, precision: str | None = None) -> Step:
    """`predict` of a batch; `precision` is the storage type of the kernels."""
    model = make_model(shape, threads)
    if precision is not None:
        model = model.quantize(precision) or model
    batches = itertools.cycle(make_data(shape)[0])
    return lambda: model.predict(next(batches), batch_size=shape.n)


def our_step(shape: Shape, threads: int, dtype: str = "float32") -> Step:
    """The training step of `fit`: one native call on row indices."""
    import gatewise as gw
    from gatewise import _core

    model = make_model(shape, threads, dtype)
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "mse")
    trainer = model._training.prepare_trainer()
    x, y = (array.reshape(-1, shape.d) for array in make_data(shape))
    data = _core.Dataset([x], [y], [None])
    row_indices = np.arange(len(x)).reshape(shape.batches, shape.n)
    batches = itertools.cycle(row_indices)
    return lambda: trainer.train_step(data, next(batches))[0]
