"""The table of random streams is complete, and its ranges are those of earlier versions."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewise.utils import streams

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "gatewise"
TABLE = PACKAGE / "utils" / "streams.py"
HEADER = ROOT / "cpp" / "core" / "random_streams.h"

FIRST = {
    "INITIAL_WEIGHTS": 0,
    "SHUFFLES": 2**32,
    "REINITIALIZED_UNITS": 2**36,
    "RESAMPLED_LATENTS": 2**37,
    "LAYERS": 2**40,
    "MASKS": 2**61,
    "GRADIENT_ROWS": 2**61 + 2**60,
    "BUFFERS": 2**62,
    "LATE_SLICES": 2**63,
}
# Other constants of at least 2^32: limits of sizes.
OTHER_CONSTANTS = {"sae/files/torch_file.py": ["1 << 48"], "sae/code_serialization.py": ["2 ** 62"]}
OTHER_CORE_CONSTANTS = {"cpp/core/sizes.h": "1} << 44"}


def package_files() -> list[Path]:
    files = sorted(path for path in PACKAGE.rglob("*.py") if "benchmarks" not in path.parts)
    return [path for path in files if path != TABLE]


def core_files() -> list[Path]:
    files = sorted((ROOT / "cpp").rglob("*.h")) + sorted((ROOT / "cpp").rglob("*.cpp"))
    return [path for path in files if path != HEADER]


def is_integer(node: ast.expr | None) -> bool:
    if isinstance(node, ast.BinOp):
        return is_integer(node.left) and is_integer(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def large_constants(tree: ast.Module) -> Iterator[str]:
    """Powers and shifts of at least 2^32; a modulus of NumPy's seeds is none of them."""
    moduli = {id(each.right) for each in ast.walk(tree) if is_modulo(each)}
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and is_integer(node) and id(node) not in moduli:
            text = ast.unparse(node)
            if isinstance(node.op, ast.LShift | ast.Pow) and eval(text) >= 2**32:
                yield text


def is_modulo(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod)


def test_streams_are_those_of_earlier_versions() -> None:
    assert {name: getattr(streams, name).first for name in FIRST} == FIRST
    assert list(streams.TABLE) == [getattr(streams, name) for name in FIRST]
    assert streams.STREAMS_PER_LAYER == 64
    assert streams.SLICE_STREAMS == 2**20
    assert streams.BUFFER_STREAMS == 2**36


def test_no_two_ranges_overlap() -> None:
    overlapping = [
        (one, other)
        for one, other in itertools.combinations(streams.TABLE, 2)
        if other.first < one.stop and one.first < other.stop
    ]
    assert overlapping == []
    assert max(each.stop for each in streams.TABLE) <= 2**64


def test_buffers_and_slices_stay_in_their_ranges() -> None:
    last_pass = streams.SHUFFLES.stop - 1
    for buffer in (0, 1, 2**25):
        stream = streams.buffer_stream(last_pass, buffer)
        assert streams.BUFFERS.first <= stream < streams.BUFFERS.stop
        assert stream < streams.buffer_stream(streams.SHUFFLES.first, buffer + 1)
    of_layers = [16_383 * 64 + 63, 5]
    slices = [streams.slice_stream(s, i) for s in of_layers for i in (0, 4095, 4096, 100_000)]
    assert len(set(slices)) == len(slices)
    assert all(s < streams.INITIAL_WEIGHTS.stop or s >= streams.LATE_SLICES.first for s in slices)
    assert streams.slice_stream(5, 4095) == 5 + 4095 * 2**20


@pytest.mark.parametrize("path", package_files(), ids=lambda path: path.stem)
def test_no_other_file_of_the_package_defines_streams(path: Path) -> None:
    tree = ast.parse(path.read_text())
    defined = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        if is_integer(node.value) and re.search(r"STREAM\w* *(:.*)?=", ast.unparse(node))
    ]
    assert defined == []
    name = path.relative_to(PACKAGE).as_posix()
    assert list(large_constants(tree)) == OTHER_CONSTANTS.get(name, [])


def test_no_other_file_of_the_core_defines_streams() -> None:
    shift = re.compile(r"\b1[}ul]* *<< *(3[2-9]|[4-6]\d)|(stream|occurrence\w*)\)? *<<", re.I)
    found = {
        path.relative_to(ROOT).as_posix(): match[0]
        for path in core_files()
        if (match := shift.search(path.read_text()))
    }
    assert found == OTHER_CORE_CONSTANTS


def test_the_table_names_the_files_that_use_it() -> None:
    python = [
        path.relative_to(PACKAGE).as_posix()
        for path in package_files()
        if re.search(r"gatewise\.utils(\.streams import| import streams)", path.read_text())
    ]
    core = [
        path.relative_to(ROOT).as_posix()
        for path in core_files()
        if '"core/random_streams.h"' in path.read_text()
    ]
    named = {user for each in streams.TABLE for user in each.users}
    assert named == {*python, *core}


def test_the_core_has_the_streams_of_the_table() -> None:
    bits = dict(re.findall(r"int (k\w+Bits) = (\d+);", HEADER.read_text()))
    assert 1 << int(bits["kLayerStreamBits"]) == streams.LAYERS.first
    assert 1 << int(bits["kOccurrenceStreamBits"]) == 2**32


def test_the_page_on_reproducibility_shows_the_table() -> None:
    page = (ROOT / "docs" / "reproducibility.md").read_text()
    rows = re.findall(r"^\| ([\d^+ ]+) \| (.+) \| (.+) \|$", page, re.M)
    shown = [(eval(first.replace("^", "**")), name, offset) for first, name, offset in rows]
    assert shown == [(each.first, each.name, each.offset) for each in streams.TABLE]
