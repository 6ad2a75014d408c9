"""`python -m benchmarks.peers [NAME ...]`: tables of workloads other than single expert layers."""

from __future__ import annotations

import argparse

from .. import machine
from . import (
    autoencoder,
    convolution,
    dictionary,
    keras_jax,
    mixtral,
    real_shapes,
    real_training,
    sklearn_mlp,
    small_steps,
    sparse_rows,
    sparse_weights,
)

TABLES = {
    "small_steps": small_steps.main,
    "autoencoder": autoencoder.main,
    "convolution": convolution.main,
    "dictionary": dictionary.main,
    "keras_jax": keras_jax.main,
    "sklearn_mlp": sklearn_mlp.main,
    "mixtral": mixtral.main,
    "real_shapes": real_shapes.main,
    "real_training": real_training.main,
    "sparse_rows": sparse_rows.main,
    "sparse_weights": sparse_weights.main,
}


def main() -> None:
    """Prints the machine and the named tables; without a name, all tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TABLES))
    parser.add_argument("--rounds", type=int, default=15, help="timing rounds")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - TABLES.keys():
        parser.error(f"NAME: expected some of {', '.join(TABLES)}, got {', '.join(unknown)}")
    from gatewise import get_num_threads

    print(machine.describe(get_num_threads()), flush=True)
    for name in arguments.names or TABLES:
        TABLES[name](arguments.rounds)


if __name__ == "__main__":
    main()
