"""Stores what Keras' initializers, constraints and regularizers return, with Keras installed:
`python tests/keras/make_weights_figures.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "figures" / "weights.json"
Case = tuple[str, dict[str, Any]]

CONSTRAINTS: list[Case] = [
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 1.8, "max_value": 2.2, "rate": 0.5}),
    ("MinMaxNorm", {"min_value": 2.5, "max_value": 3.0, "axis": 1}),
]
REGULARIZERS: list[Case] = [
    ("L1", {}),
    ("L1", {"l1": 0.5}),
    ("L2", {}),
    ("L2", {"l2": 0.5}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.25, "l2": 0.125}),
]
FIXED: list[Case] = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 0.5}),
    ("Identity", {}),
    ("Identity", {"gain": 2.5}),
]
RANDOM: list[Case] = [
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": 0.0, "maxval": 2.0}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.5}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5}),
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("Orthogonal", {"gain": 2.0}),
    *(
        ("VarianceScaling", {"scale": 2.0, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("truncated_normal", "untruncated_normal", "uniform")
    ),
]
"""Class names and arguments."""

SHAPE = (300, 200)


def kernel() -> np.ndarray:
    """A kernel (4, 3) with columns and rows of different norms."""
    return (np.sin(np.arange(12.0)) * np.arange(12.0) / 4).reshape(4, 3).astype(np.float32)


def moments(values: np.ndarray) -> list[float]:
    """Mean, standard deviation and the largest difference from the mean."""
    double = np.asarray(values, np.float64)
    return [double.mean(), double.std(), np.abs(double - double.mean()).max()]


def main() -> None:
    import keras

    keras.utils.set_random_seed(0)

    def values(module: Any, cases: list[Case], argument: Any) -> list[Any]:
        return [np.asarray(getattr(module, name)(**o)(argument)).tolist() for name, o in cases]

    random = [getattr(keras.initializers, name)(seed=1, **o)(SHAPE) for name, o in RANDOM]
    stored = {
        "keras": keras.__version__,
        "constraints": values(keras.constraints, CONSTRAINTS, kernel()),
        "regularizers": values(keras.regularizers, REGULARIZERS, kernel()),
        "fixed": values(keras.initializers, FIXED, (4, 3)),
        "random": [moments(np.asarray(each)) for each in random],
    }
    FILE.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
