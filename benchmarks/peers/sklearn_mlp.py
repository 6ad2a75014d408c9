"""A training step of 784-64-10 at batch 32 in scikit-learn: `MLPClassifier.partial_fit`.

The same arithmetic, Adam's included. Each call also checks its arrays, as every call of
scikit-learn does. Threads are those of its BLAS: all of the machine's.

python -m benchmarks.peers sklearn_mlp          (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .alternate import Contender, Step, alternate
from .our_experts import EPSILON
from .small_data import BATCH, CLASSES, FEATURES, HIDDEN, make_data, make_weights
from .small_steps import CHECKED, SECONDS, our_entries, our_step
from .table import print_table


def sklearn_step() -> Step:
    """One call on a batch, which is one step."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (HIDDEN,), alpha=0.0, batch_size=BATCH, learning_rate_init=1e-3, epsilon=EPSILON
    )
    x, y = make_data()
    starts = range(0, len(x), BATCH)
    batches = itertools.cycle([(x[i : i + BATCH], y[i : i + BATCH]) for i in starts])
    # The first call makes the weights, which are then replaced, and the optimizer made anew.
    model.partial_fit(x[:BATCH], y[:BATCH], classes=np.arange(CLASSES))
    for kernel, bias, value in zip(
        model.coefs_, model.intercepts_, make_weights("dense").values(), strict=True
    ):
        kernel[:], bias[:] = value, 0
    del model._optimizer

    def step() -> Any:
        return model.partial_fit(*next(batches)).loss_

    return step


def main(rounds: int = 15) -> None:
    """Prints the table."""
    entries = [*our_entries(our_step, "dense"), Contender("scikit-learn", sklearn_step)]
    timings = alternate(entries, rounds=rounds, seconds=SECONDS, check=CHECKED)
    print_table(f"Training step, {FEATURES}-{HIDDEN}-{CLASSES}, batch {BATCH}", timings)


if __name__ == "__main__":
    main()
