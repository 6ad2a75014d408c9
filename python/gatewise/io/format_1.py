"""Names of version 1 of the file format, and their names in later versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

NAMES: dict[str, dict[str, str]] = {
    "class names": {"Units": "Standardize"},
    "parameters": {
        "values": "data",
        "places": "indices",
        "offsets": "panel_offsets",
        "order": "column_order",
        "idle_rows": "rows_since_active",
        "batch_steps_rows": "batch_counts",
    },
    "trainer state": {"first": "first_moment", "second": "second_moment"},
    "CompressedDense": {"steps": "num_steps"},
    "MagnitudePruning": {"begun": "started"},
    "checkpoint": {
        "seen": "samples_seen",
        "seen_before": "previous_samples_seen",
        "validation_drawn": "validation_batches_drawn",
    },
    "position": {"drawn": "batches_drawn", "under_way": "pass_started"},
}
"""Old name to new name: of classes, parameters and trainer state, and of the settings or state of a
class, a checkpoint and its position in the data."""


def renamed_classes(value: Any) -> Any:
    """A JSON value in which the classes and their settings and states are renamed at any depth."""
    if isinstance(value, list):
        return [renamed_classes(each) for each in value]
    if not isinstance(value, dict):
        return value
    result = {key: renamed_classes(each) for key, each in value.items()}
    name = result.get("class_name")
    if isinstance(name, str):
        result["class_name"] = NAMES["class names"].get(name, name)
        for key in ("config", "state"):
            if key in result:
                result[key] = _renamed_keys(result[key], name)
    return result


def renamed_config(config: Any, content: str) -> Any:
    """The configuration of a file of version 1, with the names of later versions.

    Parameters
    ----------
    config : dict
        The file's JSON object. Parts that no such file has are left to the reader's checks.
    content : str
        `"model"`, `"weights"` or `"checkpoint"`.
    """
    config = renamed_classes(config)
    if content == "checkpoint":
        config = _renamed_keys(config, "checkpoint")
        return {**config, "position": _renamed_keys(config.get("position"), "position")}
    listed = config.get("layers")
    if not isinstance(listed, list):
        return config
    return {**config, "layers": [_renamed_parameters(each) for each in listed]}


def renamed_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a file of version 1, by the names of later versions."""
    return {_renamed_tensor(name): tensor for name, tensor in tensors.items()}


def _renamed_keys(value: Any, owner: str) -> Any:
    names = NAMES.get(owner)
    if not names or not isinstance(value, dict):
        return value
    return {names.get(key, key): each for key, each in value.items()}


def _renamed_parameters(listed: Any) -> Any:
    if not isinstance(listed, dict) or not isinstance(listed.get("parameters"), list):
        return listed
    names = NAMES["parameters"]
    return {**listed, "parameters": [names.get(each, each) for each in listed["parameters"]]}


def _renamed_tensor(name: str) -> str:
    for pattern, names in (
        (r"(weights/.*/)(\w+)", NAMES["parameters"]),
        (r"(trainer[/.]layer\d+\.)(\w+)", NAMES["trainer state"]),
    ):
        if match := re.fullmatch(pattern, name):
            return match[1] + names.get(match[2], match[2])
    return name
