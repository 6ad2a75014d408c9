"""Small models and data for the tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

import gatewise as gw

WIDTH, CLASSES = 6, 3


def make_data(samples: int = 50, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, 6), float32, and classes (n,) that a linear model can learn."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, WIDTH)).astype(np.float32)
    y = (x @ np.random.default_rng(99).normal(size=(WIDTH, CLASSES))).argmax(axis=1)
    return x, y


def make_model(seed: int = 1, compile: bool = True, **options: Any) -> gw.Sequential:
    """A dense classifier 6-8-3."""
    gw.utils.set_random_seed(seed)
    model = gw.Sequential(
        [
            gw.Input(shape=(WIDTH,)),
            gw.layers.Dense(8, activation="relu"),
            gw.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    if compile:
        settings: dict[str, Any] = {
            "optimizer": gw.optimizers.Adam(0.01),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        }
        model.compile(**{**settings, **options})
    return model


def make_expert_model(seed: int = 1, num_experts: int = 4, noise: bool = False) -> gw.Sequential:
    """An expert classifier with dropout, so that random numbers of training matter."""
    gw.utils.set_random_seed(seed)
    router = gw.routers.NoisyTopK(2) if noise else "top_k"
    model = gw.Sequential(
        [
            gw.Input(shape=(WIDTH,)),
            gw.SparseExpertLayer(
                8,
                num_experts=num_experts,
                router=router,
                activation="relu",
                balance=gw.balance.AuxLoss(0.01),
            ),
            gw.layers.Dropout(0.2),
            gw.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_regressor(seed: int = 1, loss: Any = "mse", **options: Any) -> gw.Sequential:
    """A model of one linear unit."""
    gw.utils.set_random_seed(seed)
    model = gw.Sequential([gw.Input(shape=(WIDTH,)), gw.layers.Dense(1)])
    model.compile(options.pop("optimizer", "sgd"), loss, **options)
    return model


def assert_same_weights(first: Any, second: Any) -> None:
    """Checks that all weights are bitwise equal."""
    ours, theirs = first.get_weights(), second.get_weights()
    assert len(ours) == len(theirs)
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert one.tobytes() == other.tobytes(), f"weight {index} differs"
