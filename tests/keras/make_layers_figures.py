"""Writes tests/keras/figures/layers.json: what Keras gives for the cases of keras_layer_cases.py.

KERAS_BACKEND=torch python tests/keras/make_layers_figures.py      (needs keras and torch)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))


def main() -> None:
    """Runs every case in Keras."""
    import keras

    from keras_layer_cases import CASES, results

    numbers = {name: results(keras, name) for name in CASES}
    path = HERE / "figures" / "layers.json"
    path.write_text(json.dumps({"keras": keras.__version__, "cases": numbers}, indent=1) + "\n")


if __name__ == "__main__":
    main()
