"""Small models as commonly trained on CPUs: training step at batch 32, prediction of one row.

python -m benchmarks.peers small_steps          (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON
from .small_data import BATCH, CLASSES, EXPERTS, FEATURES, HIDDEN, ROWS, K, make_data, make_weights
from .small_torch import EXPERT_FORMS, torch_row, torch_step
from .table import print_table

# Losses are compared before and after the first step; later, rounding changes which experts are
# chosen, also between PyTorch's implementations.
CHECKED = 2
THREADS = (1, 2)
SECONDS = 0.1


def our_model(kind: str, threads: int) -> Any:
    """784-64-10, or 16 linear experts 784-10 with k = 2."""
    import gatewise as gw

    gw.set_num_threads(threads)
    weights = make_weights(kind)
    if kind == "dense":
        model = gw.Sequential(
            [
                gw.Input(shape=(FEATURES,)),
                gw.layers.Dense(HIDDEN, activation="relu"),
                gw.layers.Dense(CLASSES, activation="softmax"),
            ]
        )
        zeros = [np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)]
        model.set_weights([weights["first"], zeros[0], weights["second"], zeros[1]])
    else:
        layer = gw.SparseExpertLayer(
            CLASSES, num_experts=EXPERTS, k=K, balance=None, activation="softmax"
        )
        model = gw.Sequential([gw.Input(shape=(FEATURES,)), layer])
        biases = np.zeros((EXPERTS, CLASSES), np.float32)
        model.set_weights([weights["experts"], biases, weights["router"]])
    model.compile(gw.optimizers.Adam(epsilon=EPSILON), "sparse_categorical_crossentropy")
    return model


def our_step(kind: str, threads: int) -> Step:
    """The training step of `fit`: one native call on row indices."""
    from gatewise import _core

    x, y = make_data()
    model = our_model(kind, threads)
    trainer = model._training.prepare_trainer()
    data = _core.Dataset([x], [y], [None])
    batches = [np.arange(i, i + BATCH) for i in range(0, ROWS, BATCH)]
    order = itertools.cycle(batches)
    return lambda: trainer.train_step(data, next(order))[0]


def our_row(threads: int) -> Step:
    """Prediction of one row, NumPy in and out."""
    model, row = our_model("dense", threads), make_data()[0][:1].copy()
    return lambda: model.predict(row)


def our_contenders(make: Any, *arguments: Any) -> list[Contender]:
    return [Contender(f"gatewise, {t} threads", make, (*arguments, t), True) for t in THREADS]


def _compare(title: str, ours: list[Contender], theirs: list[Contender], rounds: int) -> None:
    timings = alternate([*ours, *theirs], rounds=rounds, seconds=SECONDS, check=CHECKED)
    print_table(title, timings)


def compare_dense_steps(theirs: list[Contender], rounds: int) -> None:
    """Prints the table of the dense model's training step."""
    title = f"Training step, {FEATURES}-{HIDDEN}-{CLASSES}, batch {BATCH}"
    _compare(title, our_contenders(our_step, "dense"), theirs, rounds)


def main(rounds: int = 15) -> None:
    """Prints the three tables."""
    theirs = [Contender(f"PyTorch, {t} threads", torch_step, (t, "dense")) for t in THREADS]
    compare_dense_steps(theirs, rounds)

    theirs = [
        Contender(f"PyTorch {form}, {t} threads", torch_step, (t, form))
        for form in EXPERT_FORMS
        for t in THREADS
    ]
    title = "Training step, 16 linear experts 784-10, top-2, batch 32"
    _compare(title, our_contenders(our_step, "experts"), theirs, rounds)

    theirs = [Contender(f"PyTorch, {t} threads", torch_row, (t,)) for t in THREADS]
    title = "One row predicted, 784-64-10, NumPy in and out"
    _compare(title, our_contenders(our_row), theirs, rounds)


if __name__ == "__main__":
    main()
