"""A training step of 784-64-10 at batch 32 in scikit-learn: `MLPClassifier.partial_fit`.

The same arithmetic, including Adam. Each call also validates its arrays, as all calls of
scikit-learn do. The BLAS uses all threads of the machine.

python -m benchmarks.peers sklearn_mlp          (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .alternate import Contender, Step
from .our_experts import EPSILON
from .small_data import BATCH, CLASSES, HIDDEN, make_batches, make_weights
from .small_steps import compare_dense_steps


def sklearn_step() -> Step:
    """One call on a batch, that is one training step."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (HIDDEN,), alpha=0.0, batch_size=BATCH, learning_rate_init=1e-3, epsilon=EPSILON
    )
    batches = make_batches()
    # The first call creates the weights, which are then replaced; the optimizer is reset.
    model.partial_fit(*batches[0], classes=np.arange(CLASSES))
    for kernel, bias, value in zip(
        model.coefs_, model.intercepts_, make_weights("dense").values(), strict=True
    ):
        kernel[:], bias[:] = value, 0
    del model._optimizer
    order = itertools.cycle(batches)

    def step() -> Any:
        return model.partial_fit(*next(order)).loss_

    return step


def main(rounds: int = 15) -> None:
    """Prints the table."""
    compare_dense_steps([Contender("scikit-learn", sklearn_step)], rounds)


if __name__ == "__main__":
    main()
