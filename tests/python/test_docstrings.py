"""Every example in a docstring runs and prints the documented output."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import gatewise


def modules_with_examples() -> list[str]:
    names = [info.name for info in pkgutil.walk_packages(gatewise.__path__, "gatewise.")]
    python = [name for name in names if not name.rpartition(".")[2].startswith("_")]
    return sorted(name for name in python if ">>>" in Path(str(find_source(name))).read_text())


def find_source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 0
    assert result.failed == 0
