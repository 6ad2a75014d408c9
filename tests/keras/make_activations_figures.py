"""Stores Keras' activations on a grid: `python tests/keras/make_activations_figures.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "figures" / "activations.json"

PLAIN = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax
softplus softsign sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink"""
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PLAIN.split()),
    ("celu", {"alpha": 0.5}),
    ("elu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("glu", {"axis": 0}),
    ("hard_shrink", {"threshold": 1.5}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("log_softmax", {"axis": 0}),
    ("relu", {"negative_slope": 0.25}),
    ("relu", {"max_value": 3.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"threshold": -1.0}),
    ("relu", {"negative_slope": 0.25, "max_value": 2.0, "threshold": 1.0}),
    ("relu", {"negative_slope": 0.5, "threshold": -1.0}),
    ("soft_shrink", {"threshold": 1.5}),
    ("softmax", {"axis": 0}),
    ("sparsemax", {"axis": 0}),  # Keras is wrong where several values are kept
    ("squareplus", {"b": 1}),
    ("threshold", {"threshold": 0.5, "default_value": -2.0}),
]
"""Names and options."""


def grid() -> np.ndarray:
    """Values (12, 8) from -10 to 10, with the bounds of the piecewise ones among them."""
    exact = [-6.0, -3.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0, 6.0, -0.0]
    values = np.concatenate([np.linspace(-10, 10, 96 - len(exact)), exact])
    return values.reshape(12, 8).astype(np.float32)


def main() -> None:
    import keras

    found = {
        f"{name} {options}": np.asarray(getattr(keras.activations, name)(grid(), **options))
        for name, options in CASES
    }
    lines = [f"{json.dumps(name)}: {json.dumps(each.tolist())}" for name, each in found.items()]
    text = ",\n".join(lines)
    FILE.write_text(f'{{"keras": "{keras.__version__}",\n{text}}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
