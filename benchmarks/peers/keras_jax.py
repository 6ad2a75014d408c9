"""A training step of 784-64-10 at batch 32 in Keras 3 on JAX: `train_on_batch`.

The same arithmetic, including Adam. JAX uses all threads of the machine.

python -m benchmarks.peers keras_jax          (needs the extra `bench`)
"""

from __future__ import annotations

import itertools
import os

import numpy as np

from .alternate import Contender, Step
from .our_experts import EPSILON
from .small_data import CLASSES, FEATURES, HIDDEN, make_batches, make_weights
from .small_steps import compare_dense_steps


def keras_step() -> Step:
    """The step of a custom training loop, compiled as a whole by XLA."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    layers = [
        keras.Input(shape=(FEATURES,)),
        keras.layers.Dense(HIDDEN, activation="relu"),
        keras.layers.Dense(CLASSES, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    weights = make_weights("dense")
    zeros = [np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)]
    model.set_weights([weights["first"], zeros[0], weights["second"], zeros[1]])
    optimizer = keras.optimizers.Adam(epsilon=EPSILON)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=True)
    batches = itertools.cycle(make_batches())
    return lambda: model.train_on_batch(*next(batches))


def main(rounds: int = 15) -> None:
    """Prints the table."""
    compare_dense_steps([Contender("Keras 3 on JAX", keras_step)], rounds)


if __name__ == "__main__":
    main()
