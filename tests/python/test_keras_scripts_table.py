"""Usual Keras scripts, with their imports changed, do what the table beside them says."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "keras"
STATES = {"passes", "not here", "differs", "refused"}


def load_runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_scripts", FOLDER / "run_scripts.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


runner = load_runner()
table = runner.read_table()


def test_the_table_has_a_row_for_each_script() -> None:
    assert [path.stem for path in runner.SCRIPTS] == list(table)
    assert len(table) == 29
    assert {row.state for row in table.values()} <= STATES
    assert all(bool(row.reason) == (row.state != "passes") for row in table.values())


@pytest.mark.parametrize("path", runner.SCRIPTS, ids=lambda path: path.stem)
def test_a_script_does_what_the_table_says(path: Path) -> None:
    if path.stem == "03_two_inputs_two_outputs" and shutil.which("dot") is None:
        pytest.skip("plot_model draws with Graphviz' program dot")
    result = runner.run(path)
    assert result.state == table[path.stem].state, (
        f"{result.script} {result.state}: {result.reason or 'no error'}; "
        "tests/keras/run_scripts.py rewrites the table"
    )


def test_what_is_refused_is_refused_with_advice() -> None:
    refused = {name for name, row in table.items() if row.state == "refused"}
    assert refused <= runner.ADVICE.keys()
    for name in refused:
        assert runner.ADVICE[name] in table[name].reason


def test_only_imports_are_changed() -> None:
    text = (
        "import keras\nfrom keras.layers import Dense\nmodel.save('model.keras')  # import keras\n"
    )
    changed = runner.with_gatewise(text)
    assert changed == text.replace(
        "import keras\nfrom keras", "import gatewise as keras\nfrom gatewise"
    )


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        ("Traceback:\n  x = y\nKeyError: 'y'\n", "KeyError: 'y'"),
        ("Traceback:\n  assert x > 1\n  ^^^\nAssertionError\n", "AssertionError: assert x > 1"),
        ("ImportError: no name 'A' in 'b' (/c/d.py)", "ImportError: no name 'A' in 'b'"),
        ("TypeError: got <function f at 0x7f1> of type", "TypeError: got <function f> of type"),
        ("ValueError: a\n    of two lines", "ValueError: a of two lines"),
    ],
)
def test_the_last_error_is_one_line(stderr: str, error: str) -> None:
    assert runner.last_error(stderr) == error
