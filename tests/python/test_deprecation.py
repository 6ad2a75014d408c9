"""Old names of arguments work with one warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise.layers import CompressedDense
from gatewise.sae.report import report
from gatewise.utils.deprecation import renamed_arguments


@renamed_arguments(start="begin", stop="end")
def interval(begin: int, end: int = 9) -> tuple[int, int]:
    return begin, end


def test_an_old_name_sets_the_new_argument_and_warns_at_the_call() -> None:
    with pytest.warns(DeprecationWarning, match=r"^stop is deprecated; use end$") as caught:
        assert interval(1, stop=3) == (1, 3)
    assert [each.filename for each in caught] == [__file__]
    assert interval(begin=1) == interval(1, end=9)


def test_both_names_of_an_argument_are_refused() -> None:
    with pytest.raises(TypeError, match=r"begin: expected one value, got another one as start"):
        interval(begin=1, start=1)


def sparse_model() -> gw.Sequential:
    model = gw.Sequential([gw.Input(shape=(4,)), gw.layers.Dense(4)])
    model.set_weights([np.eye(4), np.zeros(4)])
    return model


def kinds(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


CODES, DECODER = csr_array(np.eye(3)), np.eye(3)
RENAMED: dict[str, tuple[Callable[..., Any], str, Any]] = {
    "least_zeros": (
        lambda **given: kinds(gw.compress.compress(sparse_model(), "csr", **given)),
        "min_sparsity",
        0.9,
    ),
    "most": (lambda **given: report(CODES, DECODER, **given), "max_latents", 2),
    "steps": (lambda **given: CompressedDense(3, **given).num_steps, "num_steps", 2),
}


@pytest.mark.parametrize("old", RENAMED)
def test_a_renamed_argument_keeps_its_meaning(old: str) -> None:
    call, new, value = RENAMED[old]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call(**{old: value})
    assert [str(each.message) for each in caught] == [f"{old} is deprecated; use {new}"]
    assert found == call(**{new: value}) != call()
