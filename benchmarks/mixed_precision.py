"""What mixed precision does to held-out loss and accuracy, beside float32 with the same splits.

python -m benchmarks.mixed_precision
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

import gatewise as gw

from .expert_tables.development import TABLES

SEEDS = 5
POLICIES = ("float32", "mixed_bfloat16")


def _score(x: np.ndarray, y: np.ndarray, width: int, epochs: int, seed: int) -> list[float]:
    """Loss and accuracy of a fifth of the rows, with the policy of the moment."""
    gw.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, kept = np.split(order, [len(x) // 5])
    experts = gw.SparseExpertLayer(width, expert=gw.experts.MLP(width), activation="relu")
    last = gw.layers.Dense(int(y.max()) + 1, "softmax")
    model = gw.Sequential([gw.Input(shape=(x.shape[1],)), experts, last])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[kept], y[kept], epochs=epochs, verbose=0)
    scores: list[float] = model.evaluate(x[held_out], y[held_out], verbose=0)
    return scores


def compare(name: str, x: np.ndarray, y: np.ndarray, width: int, epochs: int) -> None:
    """Prints means and standard errors, and those of the differences of pairs."""
    scores = []
    for policy in POLICIES:
        gw.config.set_dtype_policy(policy)
        scores.append(np.array([_score(x, y, width, epochs, seed) for seed in range(SEEDS)]))
    gw.config.set_dtype_policy("float32")
    for title, values in (
        *zip(POLICIES, scores, strict=True),
        ("difference", np.diff(scores, axis=0)[0]),
    ):
        means, errors = values.mean(0), values.std(0, ddof=1) / SEEDS**0.5
        shown = (f"{mean:8.4f} +- {error:.4f}" for mean, error in zip(means, errors, strict=True))
        print(f"{name:8} {title:15}", *shown, flush=True)


if __name__ == "__main__":
    digits, labels = load_digits(return_X_y=True)
    compare("digits", (digits / 16).astype(np.float32), labels.astype(np.int32), 64, 15)
    glosses = TABLES["glosses"]()
    compare("glosses", glosses.x, glosses.y, 128, 10)
