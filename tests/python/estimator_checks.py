"""Runs scikit-learn's checks of estimators; prints how many passed, and what did not.

    python estimator_checks.py

A process of its own, since SciPy reads `SCIPY_ARRAY_API`, without which one check is skipped, when
it is imported.
"""

import json
import warnings
from collections import Counter
from typing import Any

from sklearn.utils.estimator_checks import check_estimator

import gatewise as gw

SMALL = {"members": 2, "hidden_units": 16, "max_iter": 60}


def make_classifier(inputs: int, outputs: int) -> gw.Sequential:
    layer = gw.SparseExpertLayer(outputs, 4, 2, gw.experts.MLP(16), activation="softmax")
    model = gw.Sequential([gw.Input((inputs,)), layer])
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def make_regressor(inputs: int, outputs: int) -> gw.Model:
    model = gw.SparseExpertModel(4, inputs, outputs, expert=gw.experts.MLP(16))
    model.compile(gw.optimizers.Adam(0.01), "mse")
    return model


def main() -> None:
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    for estimator in (
        gw.SparseExpertClassifier(**SMALL),
        gw.SparseExpertRegressor(**SMALL),
        gw.SparseAutoencoderTransformer(),
        gw.SparseAutoencoderTransformer(sparse_output=False),
        gw.estimators.ModelClassifier(make_classifier),
        gw.estimators.ModelRegressor(make_regressor),
    ):
        results = check_estimator(estimator, on_skip=None, on_fail=None)
        counts = Counter(each["status"] for each in results)
        failed = [
            f"{each['check_name']}: {each['status']}, {each['exception']}"
            for each in results
            if each["status"] != "passed"
        ]
        name = type(estimator).__name__
        name += "" if getattr(estimator, "sparse_output", True) else ", dense"
        found[name] = {"passed": counts["passed"], "other": failed}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
