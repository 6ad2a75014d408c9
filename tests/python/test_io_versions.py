"""Files of versions 1 and 2 load with their stored bits; what is written has version 2's names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import format_files
import gatewise as gw
from format_files import (
    FILES,
    FOLDER,
    classifier,
    compressed_model,
    described_tensors,
    train_pruned,
)
from gatewise import _core
from gatewise.io import container, format_1, header

pytestmark = [
    pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning"),
    pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning"),
]

FOLDERS = (FOLDER.with_name("files_1"), FOLDER)
WEIGHTS: dict[str, Callable[[], Any]] = {
    "compressed_dense.weights": format_files.compressed_model,
    "standardized_stack.weights": format_files.standardized_stack,
    "batch_top_k.weights": format_files.batch_top_k,
}
MODELS = [path for folder in FOLDERS for path in sorted(folder.glob("*.gatewise"))]


def name_in_version_2(name: str) -> str:
    name = next(iter(format_1.renamed_tensors({name: np.zeros(1)})))
    # Layers of a stack that standardizes rows; other layers have their names from the file.
    name = name.replace("weights/units_back/", "weights/unstandardize/")
    return name.replace("weights/units/", "weights/standardize/")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_model_that_is_loaded_and_saved_keeps_the_bits_of_its_tensors(
    path: Path, tmp_path: Path
) -> None:
    stored = described_tensors(path)
    if path.parent != FOLDER:
        stored = {name_in_version_2(name): each for name, each in stored.items()}
    gw.load_model(path).save(tmp_path / "saved")
    assert described_tensors(tmp_path / "saved") == stored


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_loaded_and_saved_keep_the_bits_of_their_tensors(
    name: str, tmp_path: Path
) -> None:
    model = WEIGHTS[name]()
    model.load_weights(FOLDER / name)
    model.save_weights(tmp_path / name)
    found, stored = described_tensors(tmp_path / name), described_tensors(FOLDER / name)
    assert list(found.values()) == list(stored.values())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_compressed_layers_of_a_file_have_the_values_of_new_ones(folder: Path) -> None:
    model = gw.load_model(folder / "compressed_dense.gatewise")
    for found, expected in zip(model.get_weights(), compressed_model().get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_checkpoint_of_each_version_continues_a_training(folder: Path) -> None:
    expected, found = classifier(), classifier()
    train_pruned(expected)
    pruning, _ = train_pruned(found, folder / "pruning.checkpoint")
    assert pruning.get_state()["started"] is True
    assert found.count_nonzero() == expected.count_nonzero() == 33
    if _core.isa_level() == "v3":  # the level that wrote the checkpoints
        for ours, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", FILES)
def test_files_are_written_with_the_names_of_version_2(name: str, tmp_path: Path) -> None:
    FILES[name](tmp_path / name)
    assert format_files.metadata(tmp_path / name)["format_version"] == "2"
    written = format_files.names(tmp_path / name)
    for kind, names in json.loads(format_files.NAMES.read_text())[name].items():
        assert set(names) <= set(written[kind])  # Later code may add to them.


def test_no_name_of_version_1_is_written() -> None:
    written = json.loads(format_files.NAMES.read_text())
    tensors = {tensor.rpartition("/")[2] for each in written.values() for tensor in each["tensors"]}
    keys = {key for each in written.values() for key in each["config"]}
    assert not tensors & format_1.NAMES["parameters"].keys()
    trainer_state = {tensor.rpartition(".")[2] for tensor in tensors}
    assert not trainer_state & format_1.NAMES["trainer state"].keys()
    assert not {"Units"} & {name for each in written.values() for name in each["classes"]}
    for part in ("checkpoint", "position", "MagnitudePruning"):
        assert not {key.rpartition(".")[2] for key in keys} & format_1.NAMES[part].keys()


def test_a_file_of_a_later_version_is_refused(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(container, "FORMAT_VERSION", "3")
    classifier().save(tmp_path / "m.gatewise")
    message = r"m.gatewise: format_version: expected 1 or 2, got '3'; a newer gatewise may read it"
    with pytest.raises(ValueError, match=message):
        gw.load_model(tmp_path / "m.gatewise")
    assert header.READABLE_VERSIONS[-1] == header.FORMAT_VERSION == "2"


def test_an_architecture_with_the_names_of_version_1_is_read() -> None:
    text = compressed_model().to_json().replace('"num_steps"', '"steps"')
    assert gw.models.model_from_json(text).to_json() == compressed_model().to_json()


def test_the_old_name_of_standardize_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"^gw.sae.Units is deprecated; use gw.sae.Stand"):
        assert gw.sae.Units is gw.sae.Standardize
