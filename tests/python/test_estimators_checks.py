"""All of scikit-learn's checks of estimators, none excused or skipped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sklearn

# scikit-learn's version -> checks that it collects for the tags of each estimator.
COUNTS = {
    "1.9": {
        "SparseExpertClassifier": 67,
        "SparseExpertRegressor": 60,
        "SparseAutoencoderTransformer": 55,
        "SparseAutoencoderTransformer, dense": 55,
        "ModelClassifier": 63,
        "ModelRegressor": 61,
    },
}
VERSION = ".".join(sklearn.__version__.split(".")[:2])


@pytest.fixture(scope="module")
def results() -> Any:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("estimator_checks.py")],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_every_check_passes(results: Any) -> None:
    assert {name: each["other"] for name, each in results.items() if each["other"]} == {}


@pytest.mark.skipif(VERSION not in COUNTS, reason=f"not counted for scikit-learn {VERSION}")
def test_as_many_checks_as_the_tags_ask_for(results: Any) -> None:
    assert {name: each["passed"] for name, each in results.items()} == COUNTS[VERSION]
