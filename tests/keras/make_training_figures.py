"""Stores what Keras' trainings give: `python tests/keras/make_training_figures.py` with Keras."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import training_cases as cases

FILE = Path(__file__).parent / "figures" / "training.json"


def main() -> None:
    """Writes the file."""
    stored = {
        "keras": keras.__version__,
        "weighted": [cases.losses(keras, *case) for case in cases.WEIGHTED],
        "crossentropies": [cases.losses(keras, *case) for case in cases.CROSSENTROPIES],
        "empty": [
            cases.empty_history(keras),
            cases.empty_history(keras, validation_split=0.25),
        ],
    }
    FILE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
