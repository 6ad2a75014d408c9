"""The README: its code runs, its commands are complete, its links exist."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


# A block trains a layer without a balance term; its routing may collapse, which warns.
@pytest.mark.filterwarnings("default::gatewise.RoutingCollapseWarning")
def test_the_python_blocks_run_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in code_blocks("python"):
        lines_before = README.partition(block)[0].count(
            "\n"
        )  # so that tracebacks show README lines
        exec(compile("\n" * lines_before + block, ROOT / "README.md", "exec"), names)
    model, layer, x_test, y_test = (names[n] for n in ("model", "layer", "x_test", "y_test"))
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    assert accuracy > 0.8, (
        "it stops after the first epoch that is no better, but after one at least"
    )
    indices, weights = layer.routing(x_test)
    assert (indices.shape, indices.dtype) == ((1000, 2), np.int32)
    assert (weights.shape, weights.dtype) == ((1000, 2), np.float32)
    assert (tmp_path / "m.gatewise").is_file()
    assert names["z"].shape == (1000, 256)


def test_the_two_commands_are_the_whole_installation() -> None:
    assert code_blocks("sh") == [
        "pip install '.[demo]' && gatewise demo\n",
        "pip install '.[test]' && pytest\n",
    ]


def test_links_and_folders_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    folders = re.findall(r"^\| (`.*?`) \|", README.partition("## Repository layout")[2], re.M)
    paths = links + [name for cell in folders for name in re.findall(r"`([^`]+)`", cell)]
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_links_of_the_pages_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
