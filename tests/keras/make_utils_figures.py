"""Stores what Keras' utilities return: `python tests/keras/make_utils_figures.py` with Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "figures" / "utils.json"

LABELS: list[tuple[Any, int | None]] = [
    ([0, 2, 1], None),
    ([[0], [2]], 4),
    ([[0, 1], [1, 2]], 3),
    ([[[1]], [[0]]], None),
    (3, 5),
    ([1.0, 0.0], None),
]
"""Labels and counts of classes."""

NORMS: list[tuple[Any, int, Any]] = [
    ([[3.0, 4.0], [0.0, 0.0]], -1, 2),
    ([[3.0, 4.0, -2.0], [1.0, 0.0, 5.0]], 1, 1),
    ([3.0, 4.0], -1, 2),
    (np.sin(np.arange(24.0)).reshape(2, 3, 4).tolist(), 1, 2),
    (np.sin(np.arange(24.0)).reshape(2, 3, 4).tolist(), -1, 3),
]
"""Arrays, axes and orders."""

PACKED: list[tuple[Any, Any, Any]] = [(1, None, None), ([1], None, None), (1, 2, None), (1, 2, 3)]


def main() -> None:
    import clone_cases
    import keras

    utils = keras.utils
    pack = utils.pack_x_y_sample_weight
    unpack = utils.unpack_x_y_sample_weight
    stored = {
        "keras": keras.__version__,
        "to_categorical": [utils.to_categorical(*case).tolist() for case in LABELS],
        "normalize": [
            utils.normalize(np.array(x), axis, order).tolist() for x, axis, order in NORMS
        ],
        "clones": clone_cases.clones(keras),
        "packed": [repr(pack(*case)) for case in PACKED],
        "unpacked": [repr(unpack(pack(*case))) for case in PACKED],
    }
    FILE.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
