"""Writes figures/encodings.json: bins and rows of ids that Keras gives for encoding_cases.py.

Needs Keras 3 with any backend: `KERAS_BACKEND=torch python tests/keras/make_encodings_figures.py`.
`tests/python/test_keras_encodings.py` reads the file.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import encoding_cases as cases
import keras
import numpy as np
from make_losses_figures import plain

FIGURES = Path(__file__).parent / "figures" / "encodings.json"


def adapted(sizes, repeated, num_bins, epsilon) -> list:
    """The learned boundaries; the steps of `adapt`, which itself needs TensorFlow."""
    layer = keras.layers.Discretization(num_bins=num_bins, epsilon=epsilon)
    layer.reset_state()
    for batch in cases.batches(sizes, repeated):
        layer.update_state(batch)
    layer.finalize_state()
    return plain(np.array(layer.bin_boundaries, np.float32))


def rows(layer, values) -> list:
    return plain(keras.ops.convert_to_numpy(layer(values)))


def main() -> None:
    layers = keras.layers
    sections = {
        "keras": keras.__version__,
        "adapted": [adapted(*case) for case in cases.ADAPTED],
        "bins": {
            mode: [
                rows(layers.Discretization(cases.BOUNDARIES, output_mode=mode), cases.inputs(shape))
                for shape in cases.SHAPES
            ]
            for mode in cases.MODES
        },
        "ids": {
            mode: [
                rows(layers.CategoryEncoding(cases.NUM_TOKENS, output_mode=mode), cases.ids(shape))
                for shape in cases.SHAPES
            ]
            for mode in cases.MODES[1:]
        },
    }
    lines = ",\n".join(f'"{name}": {json.dumps(each)}' for name, each in sections.items())
    FIGURES.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
