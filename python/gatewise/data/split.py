"""Validation split and class weights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gatewise.data.convert import Floats, Labels
from gatewise.data.targets import TargetRule
from gatewise.utils.checks import to_plain


def training_samples(samples: int, validation_split: float) -> int:
    """Count of training samples: `floor(samples * (1 - validation_split))`, from the start.

    The remaining samples, at the end of the arrays, are for validation. The split is done before
    shuffling, as in Keras.

    Raises
    ------
    TypeError
        If `validation_split` is not a number.
    ValueError
        If `validation_split` is outside [0, 1), or either part is empty.
    """
    validation_split = to_plain(validation_split)
    if isinstance(validation_split, bool) or not isinstance(validation_split, (int, float)):
        raise TypeError(f"validation_split: expected a float, got {validation_split!r}")
    if not 0 <= validation_split < 1:
        raise ValueError(f"validation_split: expected 0 <= value < 1, got {validation_split}")
    if validation_split == 0:
        return samples
    kept = math.floor(samples * (1 - validation_split))
    if kept in (0, samples):
        raise ValueError(
            f"validation_split: expected samples for training and for validation, got {samples} "
            f"samples of which {validation_split} are for validation"
        )
    return kept


def check_class_weight(class_weight: object, rule: TargetRule) -> dict[int, float]:
    """`class_weight` as a dict from class index to weight.

    Raises
    ------
    TypeError
        If `class_weight` is not a dict from int to numbers.
    ValueError
        If a key is no class of the output, or a weight is negative or not finite.
    """
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            "class_weight: expected a dict from class index to weight, "
            f"got {type(class_weight).__name__}"
        )
    checked: dict[int, float] = {}
    for given, value in class_weight.items():
        key = to_plain(given)
        if isinstance(key, float) and key.is_integer():  # such as the values of float labels
            key = int(key)
        if isinstance(key, bool) or not isinstance(key, int):
            raise TypeError(f"class_weight: expected int keys, got {given!r}")
        if rule.classes is not None and not 0 <= key < rule.classes:
            raise ValueError(
                f"class_weight: expected keys from 0 to {rule.classes - 1} "
                f"({rule.classes} classes), got {key}"
            )
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"class_weight: expected a number for class {key}, got {value!r}")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"class_weight: expected a weight >= 0 for class {key}, got {value}")
        checked[int(key)] = float(value)
    return checked


def class_weights(
    targets: Floats | Labels, rule: TargetRule, class_weight: Mapping[int, float]
) -> Floats:
    """The weight of each sample `(n,)` by its class; what is not in `class_weight` weighs 1."""
    labels = rule.class_indices(targets, "class_weight")
    if not class_weight:
        return np.ones(len(labels), np.float32)
    keys = np.array(sorted(class_weight))
    weights = np.array([class_weight[key] for key in keys.tolist()], np.float32)
    found = np.minimum(np.searchsorted(keys, labels), len(keys) - 1)
    return np.where(keys[found] == labels, weights[found], np.float32(1))
