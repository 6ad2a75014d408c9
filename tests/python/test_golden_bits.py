"""Trainings and files of format 1 have the bits stored in tests/golden (see make_bits.py)."""

import json
from pathlib import Path

import pytest

from gatewise import _core
from golden_cases import CASES, digest
from golden_files import FILES, FOLDER

pytestmark = [
    pytest.mark.golden,
    pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning"),
    pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning"),
    pytest.mark.filterwarnings("ignore::gatewise.DenseCodesWarning"),
]

GOLDEN = Path(__file__).parents[1] / "golden"


def stored(path: Path) -> dict[str, str]:
    """The stored digests of the instruction-set level in use; skips the test if there are none."""
    levels = json.loads(path.read_text())
    if _core.isa_level() not in levels:
        pytest.skip(f"no bits are stored for {_core.isa_level()}")
    return levels[_core.isa_level()]


@pytest.mark.parametrize("name", CASES)
def test_a_training_has_its_stored_bits(name):
    assert digest(CASES[name]()) == stored(GOLDEN / "bits.json")[name]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_format_1_has_its_stored_bits(name):
    assert digest(FILES[name]()) == stored(FOLDER / "digests.json")[name]


def test_every_stored_digest_has_a_case():
    assert stored(GOLDEN / "bits.json").keys() == CASES.keys()
    assert stored(FOLDER / "digests.json").keys() == FILES.keys()
