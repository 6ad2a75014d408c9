"""Models and helpers for the tests of sparse training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gatewise as gw
from gatewise.callbacks import LambdaCallback
from gatewise.compress import DropAndGrow
from training_models import WIDTH, make_data, make_expert_model, make_model

X, Y = make_data(90)
BATCH, STEPS, EPOCHS = 10, 9, 6
FIT: dict[str, Any] = {"batch_size": BATCH, "epochs": EPOCHS, "verbose": 0}


def linear_experts(seed: int = 1) -> gw.Sequential:
    """A model of linear experts: y = softmax(sum W_i x + b)."""
    gw.utils.set_random_seed(seed)
    layer = gw.SparseExpertLayer(3, 4, router="all", activation="softmax", input_dim=WIDTH)
    model = gw.Sequential([layer])
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


MODELS = [make_model, linear_experts, make_expert_model]


def kernels(model: gw.Sequential) -> list[np.ndarray]:
    """All kernels as (E, d, u)."""
    return [
        layer.native.get(each.name).reshape(-1, *each.shape[-2:])
        for layer in model.layers
        for each in layer.parameters()
        if each.role == "kernel"
    ]


def zeros(model: gw.Sequential) -> list[int]:
    return [int((w == 0).sum()) for w in kernels(model)]


def active(model: gw.Sequential) -> list[np.ndarray]:
    """Nonzero count of every expert of every kernel."""
    return [np.count_nonzero(w, axis=(1, 2)) for w in kernels(model)]


def record(
    model: gw.Sequential, found: list[Any], observe: Callable[[gw.Sequential], Any]
) -> LambdaCallback:
    """A callback that appends `observe(model)` to `found` after every step."""
    return LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(observe(model)))


def rigl(density: float | None = 0.5, frequency: int | float = 4, **settings: Any) -> DropAndGrow:
    return DropAndGrow(density, frequency=frequency, **({"x": X, "y": Y} | settings))
