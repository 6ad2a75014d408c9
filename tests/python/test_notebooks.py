"""The saved notebooks in examples/ were run from top to bottom and contain their plots."""

import json
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
MAX_BYTES = 1 << 20


def code_cells(path: Path) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_is_a_notebook_for_each_kind_of_model_and_a_first_tour() -> None:
    names = {path.stem for path in NOTEBOOKS}
    assert {"first_tour", "top_k_gating", "experts_by_importance", "sparse_weights"} <= names
    assert {"gated_units", "sparse_code", "recommender"} <= names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_from_top_to_bottom_and_saved(path: Path) -> None:
    cells = code_cells(path)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_errors_or_local_paths(path: Path) -> None:
    outputs = json.dumps([cell["outputs"] for cell in code_cells(path)])
    assert '"name": "stderr"' not in outputs
    assert "Warning" not in outputs
    assert not re.search(r"/(?:tmp|home|root|work|usr)/", outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_linked_notebooks_exist(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(each["source"]) for each in cells if each["cell_type"] == "markdown")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (EXAMPLES / target).exists(), target
