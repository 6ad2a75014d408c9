"""Every public name of Keras is here, or answers with what to use instead."""

from __future__ import annotations

import importlib.util
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gatewise as gw
from gatewise.utils.absent_names import AbsentNames, sentence
from gatewise.utils.keras_names import MODULES, NAMES, advice

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "keras" / "make_names_page.py"
STORED = ROOT / "tests" / "keras" / "figures" / "names.json"

KERAS: dict[str, list[str]] = json.loads(STORED.read_text(encoding="utf-8"))["names"]
"""Names by module, of tests/keras/make_names_figures.py."""
HERE = [path for path in KERAS if advice(path) is None]


def joined(*parts: str) -> str:
    return ".".join(filter(None, parts))


def find(path: str) -> Any:
    """What is at a path in the package; None if nothing is."""
    found: Any = gw
    for part in filter(None, path.split(".")):
        found = getattr(found, part, None)
    return found


def absent(path: str) -> list[str]:
    return [name for name in KERAS[path] if advice(joined(path, name)) is not None]


def test_the_stored_names_are_those_of_a_whole_keras() -> None:
    assert sum(map(len, KERAS.values())) > 1400
    assert {"LSTM", "Dense"} <= set(KERAS["layers"])
    assert "relu" in KERAS["ops.nn"]


def test_every_name_of_keras_is_here_or_in_the_table() -> None:
    paths = [joined(module, name) for module, names in KERAS.items() for name in names]
    assert [path for path in paths if find(path) is None and advice(path) is None] == []


def test_no_name_of_the_table_is_here() -> None:
    """When a name is added to the package, take it out of gatewise/utils/keras_names.py."""
    listed = [joined(path, name) for path in HERE for name in absent(path)]
    assert [path for path in [*listed, *MODULES] if find(path) is not None] == []


def test_the_table_lists_each_name_of_keras_once_and_no_others() -> None:
    for path, sentences in NAMES.items():
        listed = " ".join(sentences.values()).split()
        assert sorted(set(listed)) == sorted(listed), path
        assert set(listed) <= set(KERAS[path]), path
    assert {path for path in MODULES if path not in KERAS} == set()


@pytest.mark.parametrize("path", HERE)
def test_a_name_that_is_not_here_answers_with_its_sentence(path: str) -> None:
    module, full = find(path), joined("gatewise", path)
    for name in absent(path):
        said = f"{full}.{name}: not here; {advice(joined(path, name))}"
        assert not hasattr(module, name)
        with pytest.raises(AttributeError) as error:
            getattr(module, name)
        assert str(error.value) == said
        assert not isinstance(error.value, ImportError)
        with pytest.raises(ImportError) as import_error:
            exec(f"from {full} import {name}")
        assert str(import_error.value) == said


@pytest.mark.parametrize("path", [path for path in KERAS if path not in HERE])
def test_a_module_that_is_not_here_answers_with_its_sentence(path: str) -> None:
    known = next(module for module in MODULES if f"{path}.".startswith(f"{module}."))
    said = f"gatewise.{known}: not here; {MODULES[known]}"
    for code in (f"import gatewise.{path}", f"from gatewise.{path} import {KERAS[path][0]}"):
        with pytest.raises(ModuleNotFoundError) as error:
            exec(code)
        assert str(error.value) == said


def test_an_unknown_name_has_the_errors_of_python() -> None:
    with pytest.raises(AttributeError, match=r"module 'gatewise.losses' has no attribute 'Hubber'"):
        gw.losses.Hubber  # noqa: B018
    with pytest.raises(ImportError, match=r"cannot import name 'Dens' from 'gatewise.layers'"):
        exec("from gatewise.layers import Dens")
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'gatewise'"):
        exec("from gatewise import nothing")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'gatewise.nothing'"):
        exec("import gatewise.nothing")
    assert importlib.util.find_spec("gatewise.nothing") is None


def test_a_lazy_module_is_still_imported() -> None:
    code = "from gatewise.optimizers import schedules; from gatewise import sae; print(schedules)"
    command = [sys.executable, "-c", code]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "gatewise.optimizers.schedules" in listed


def test_the_table_is_read_at_the_first_absent_name_only() -> None:
    code = (
        "import sys, gatewise as gw; hasattr(gw, '__wrapped__'); gw.layers.Dense; gw.sae;"
        "print('gatewise.utils.keras_names' in sys.modules);"
        "hasattr(gw, 'ops'); print('gatewise.utils.keras_names' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == [
        "False",
        "True",
    ]


def test_the_finder_answers_for_names_of_this_package_only() -> None:
    finder = AbsentNames()
    assert finder.find_spec("keras.layers.LSTM") is None
    assert finder.find_spec("gatewise_more.ops") is None
    assert sentence("other.ops") is None
    assert sum(isinstance(each, AbsentNames) for each in sys.meta_path) == 1


def test_the_page_is_what_the_script_writes() -> None:
    page = runpy.run_path(str(SCRIPT))["page"]()
    written = (ROOT / "docs" / "keras_names.md").read_text(encoding="utf-8")
    assert written == page, f"run python {SCRIPT.relative_to(ROOT)}"
