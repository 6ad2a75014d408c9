"""The page for users of PyTorch or Keras: its code blocks run unchanged, in order."""

import re
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from digits import load_digits

PAGE = Path(__file__).parents[2] / "docs" / "coming_from.md"


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
@pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning")
def test_the_code_blocks_run_unchanged(capsys) -> None:
    blocks = re.findall(r"```python\n# gatewise\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 5
    x, y, x_test, y_test = load_digits(0)
    space = {"gw": gw, "x": x[:2500], "y": y[:2500], "x_test": x_test, "y_test": y_test}
    gw.utils.set_random_seed(0)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), space)
    capsys.readouterr()
    parts = space["parts"]
    assert np.abs(parts.completeness_error).max() < 1e-4
    assert space["model"].evaluate(x_test, y_test, verbose=0)[1] > 0.75
    assert space["gating"].evaluate(x_test, y_test, verbose=0)[1] > 0.75
    assert space["experts"].evaluate(x_test, y_test) > 0.75
    np.testing.assert_array_equal(
        space["small"].predict(x_test, verbose=0), space["sparse"].predict(x_test, verbose=0)
    )
    assert space["choice"].num_experts in (4, 8)


def test_every_section_has_a_pytorch_code_block() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"```python\n# PyTorch\n", page)) == 5
    assert len(re.findall(r"^## \d\. ", page, re.M)) == 5
