"""All estimators: copies, threads, seeds, order and weights of rows; tools of scikit-learn."""

import copy
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import gatewise as gw

RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = np.array(["no", "yes"])[(X[:, 0] + X[:, 1] > 0).astype(int)]
VALUES = X @ [2.0, -1.0, 0.5, 0.0] + 3
ORDER = RNG.permutation(ROWS)
WEIGHTS = RNG.integers(1, 4, ROWS)
SMALL = {"num_experts": 4, "members": 2, "hidden_units": 8, "n_estimators": 2, "max_iter": 20}
SMALL |= {"learning_rate": 0.02, "random_state": 0}


def network(outputs: int, activation: Any, loss: str) -> gw.Sequential:
    layers = [gw.layers.Dense(8, "relu"), gw.layers.Dense(outputs, activation)]
    model = gw.Sequential([gw.Input((4,)), *layers])
    model.compile(gw.optimizers.Adam(0.02), loss)
    return model


def classifier(**settings: Any) -> gw.SparseExpertClassifier:
    return gw.SparseExpertClassifier(**{**SMALL, **settings})


def regressor(**settings: Any) -> gw.SparseExpertRegressor:
    return gw.SparseExpertRegressor(**{**SMALL, **settings})


CODER = gw.SparseAutoencoderTransformer(8, gw.TopK(2), sparse_output=False, random_state=0)
MODEL_CLASSIFIER = gw.estimators.ModelClassifier(
    network(2, "softmax", "sparse_categorical_crossentropy"), random_state=0
)
MODEL_REGRESSOR = gw.estimators.ModelRegressor(network(1, None, "mse"), random_state=0)
ALL = [
    (classifier(), LABELS),
    (regressor(), VALUES),
    (CODER, None),
    (MODEL_CLASSIFIER, LABELS),
    (MODEL_REGRESSOR, VALUES),
]
EXACT = ALL


def outputs(model: Any) -> Any:
    for name in ("transform", "predict_proba", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    raise AssertionError


@pytest.mark.parametrize(("model", "y"), ALL)
def test_copies_predict_the_same_bits(model: Any, y: Any) -> None:
    fitted = clone(model).fit(X, y)
    expected = outputs(fitted)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_array_equal(outputs(other), expected)
        other.fit(X[:40], None if y is None else y[:40])
    assert_array_equal(outputs(fitted), expected)
    new = clone(fitted)
    with pytest.raises(NotFittedError):
        outputs(new)
    assert_array_equal(outputs(new.fit(X, y)), expected)


@pytest.mark.parametrize(("model", "y"), ALL)
def test_threads_change_no_bits_and_their_number_stays(model: Any, y: Any) -> None:
    before = gw.get_num_threads()
    expected = outputs(clone(model).fit(X, y))
    for n_jobs in (1, 2, before + 1, -1):
        assert_array_equal(outputs(clone(model).set_params(n_jobs=n_jobs).fit(X, y)), expected)
        assert gw.get_num_threads() == before
    wrong = clone(model).set_params(n_jobs=before + 1, verbose="loud")
    with pytest.raises(ValueError, match="verbose"):
        wrong.fit(X, y)
    assert gw.get_num_threads() == before


def test_processes_fit_the_same_bits() -> None:
    models = Parallel(n_jobs=2, backend="loky")(delayed(clone(m).fit)(X, y) for m, y in ALL)
    for model, (source, y) in zip(models, ALL, strict=True):
        assert_array_equal(outputs(model), outputs(clone(source).fit(X, y)))


@pytest.mark.parametrize(("model", "y"), ALL)
def test_the_seed_decides(model: Any, y: Any) -> None:
    def fitted(seed: Any) -> Any:
        return outputs(clone(model).set_params(random_state=seed).fit(X, y))

    assert_array_equal(fitted(3), fitted(3))
    assert np.any(fitted(3) != fitted(4))
    assert_array_equal(fitted(np.random.RandomState(3)), fitted(np.random.RandomState(3)))
    np.random.seed(5)
    first = fitted(None)
    np.random.seed(5)
    assert_array_equal(fitted(None), first)


def test_a_fit_leaves_the_seeds_of_other_models() -> None:
    weights = []
    for model, y in [(None, None), *((clone(model), y) for model, y in ALL)]:
        gw.utils.set_random_seed(7)
        if model is not None:
            model.fit(X, y)
        weights.append(network(1, None, "mse").get_weights()[0])
    for each in weights:
        assert_array_equal(each, weights[0])


@pytest.mark.parametrize(("model", "y"), EXACT)
def test_the_order_of_rows_does_not_matter(model: Any, y: Any) -> None:
    expected = outputs(clone(model).fit(X, y))
    for order in (ORDER, ORDER[::-1], np.argsort(X[:, 0]), np.argsort(X[:, 1])):
        mixed = clone(model).fit(X[order], None if y is None else y[order])
        assert_array_equal(outputs(mixed), expected)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        *EXACT,
        (classifier(class_weight={"no": 1, "yes": 5}), LABELS),
        (classifier(class_weight="balanced"), LABELS),
    ],
)
def test_a_weight_counts_as_rows(model: Any, y: Any) -> None:
    rows = np.repeat(np.arange(ROWS), WEIGHTS)
    repeated = clone(model).fit(X[rows], None if y is None else y[rows])
    weighted = clone(model).fit(X, y, sample_weight=WEIGHTS)
    assert_array_equal(outputs(weighted), outputs(repeated))
    some = clone(model).fit(X, y, sample_weight=np.arange(ROWS) < 90)
    assert_array_equal(outputs(some), outputs(clone(model).fit(X[:90], y if y is None else y[:90])))


@pytest.mark.parametrize("model", [classifier(), MODEL_CLASSIFIER])
def test_rows_of_weight_zero_can_have_a_label_of_their_own(model: Any) -> None:
    x, y = np.concatenate([X, X[:5]]), np.append(LABELS, ["maybe"] * 5)
    fitted = clone(model).fit(x, y, sample_weight=np.arange(len(x)) < ROWS)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert_array_equal(outputs(fitted), outputs(clone(model).fit(X, LABELS)))


def test_a_search_finds_experts_and_k() -> None:
    search = GridSearchCV(classifier(), {"num_experts": [2, 4], "k": [1, 2]}, cv=2).fit(X, LABELS)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.routing(X)[0].shape[-1] == search.best_params_["k"]
    assert search.best_score_ > 0.7
    codes = Pipeline([("codes", CODER), ("model", LogisticRegression())])
    search = GridSearchCV(codes, {"codes__activation": [gw.TopK(1), gw.TopK(4)]}, cv=2)
    assert search.fit(X, LABELS).best_params_["codes__activation"].k == 4


@pytest.mark.parametrize("model", [classifier(), MODEL_CLASSIFIER])
def test_classifiers_are_parts_of_others(model: Any) -> None:
    pipe = make_pipeline(StandardScaler(), model).fit(X, LABELS)
    assert pipe.score(X, LABELS) > 0.8
    calibrated = CalibratedClassifierCV(model, cv=2).fit(X, LABELS, sample_weight=WEIGHTS)
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    parts = [("experts", model), ("line", LogisticRegression())]
    assert StackingClassifier(parts, cv=2).fit(X, LABELS).score(X, LABELS) > 0.8
    for scoring, low in (("roc_auc", 0.8), ("neg_log_loss", -0.7)):
        assert cross_val_score(model, X, LABELS, cv=2, scoring=scoring).min() > low


@pytest.mark.parametrize("model", [regressor(), MODEL_REGRESSOR])
def test_regressors_are_parts_of_others(model: Any) -> None:
    vote = VotingRegressor([("experts", model), ("line", Ridge())]).fit(X, VALUES)
    parts = [clone(model).fit(X, VALUES).predict(X), Ridge().fit(X, VALUES).predict(X)]
    assert_allclose(vote.predict(X), np.mean(parts, axis=0))
    assert cross_val_score(regressor(max_iter=60), X, VALUES, cv=2).min() > 0.6


def test_columns_that_matter_are_found() -> None:
    fitted = classifier(max_iter=60).fit(X, LABELS)
    drop = permutation_importance(fitted, X, LABELS, n_repeats=5, random_state=0).importances_mean
    assert min(drop[:2]) > 0.05 + max(drop[2:])


@pytest.mark.parametrize(("model", "y"), ALL)
def test_weights_are_routed(model: Any, y: Any) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        asked = clone(model).set_fit_request(sample_weight=True)
        pipe = make_pipeline(scaler, asked).fit(X, y, sample_weight=WEIGHTS)
        direct = clone(model).fit(scaler.fit_transform(X), y, sample_weight=WEIGHTS)
        assert_array_equal(outputs(pipe), outputs(make_pipeline(scaler, direct)))
        with pytest.raises(UnsetMetadataPassedError):
            make_pipeline(scaler, clone(model)).fit(X, y, sample_weight=WEIGHTS)


def test_weights_are_routed_in_a_cross_validation() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        asked = classifier().set_fit_request(sample_weight=True)
        asked.set_score_request(sample_weight=True)
        found = cross_validate(
            asked,
            X,
            LABELS,
            cv=KFold(2),
            params={"sample_weight": WEIGHTS},
            return_estimator=True,
        )
    for fold, rows in enumerate(np.split(np.arange(ROWS), 2)[::-1]):
        direct = classifier().fit(X[rows], LABELS[rows], sample_weight=WEIGHTS[rows])
        assert_array_equal(outputs(found["estimator"][fold]), outputs(direct))
        others = np.setdiff1d(np.arange(ROWS), rows)
        score = direct.score(X[others], LABELS[others], sample_weight=WEIGHTS[others])
        assert found["test_score"][fold] == score


def test_rows_to_choose_the_epoch_by_are_routed() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        model = classifier().set_fit_request(X_val=True, y_val=True)
        steps = [("scale", StandardScaler()), ("model", model)]
        pipe = Pipeline(steps, transform_input=["X_val"])
        pipe.fit(X[:80], LABELS[:80], X_val=X[80:], y_val=LABELS[80:])
        x = pipe["scale"].transform(X)
        direct = classifier().fit(x[:80], LABELS[:80], X_val=x[80:], y_val=LABELS[80:])
        assert pipe["model"].histories_ == direct.histories_


class Recorder:
    """A callback of scikit-learn that counts what it is told, and can end a fit."""

    def __init__(self, stop: int | None = None, fails: bool = False) -> None:
        self.count: Counter[str] = Counter()
        self.stop, self.fails = stop, fails

    def setup(self, estimator: Any, context: Any) -> None:
        self.count["setup"] += 1

    def teardown(self, estimator: Any, context: Any) -> None:
        self.count["teardown"] += 1

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.count[f"begin {context.task_name}"] += 1

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, y: Any) -> bool:
        assert X.shape == (ROWS, 4)
        self.count[f"end {context.task_name}"] += 1
        if self.fails:
            raise RuntimeError("of the callback")
        ends = self.stop is not None and context.task_name == "epoch"
        return ends and context.task_id >= self.stop


def trainings(fitted: Any) -> int:
    return len(getattr(fitted, "models_", [None]))


NEEDS_CALLBACKS = pytest.mark.skipif(
    not hasattr(classifier(), "set_callbacks"), reason="scikit-learn before 1.9"
)


@NEEDS_CALLBACKS
@pytest.mark.parametrize(("model", "y"), ALL)
def test_callbacks_of_scikit_learn_are_told_of_epochs(model: Any, y: Any) -> None:
    recorder = Recorder()
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    assert fitted.n_iter_ == 20
    epochs = 20 * trainings(fitted)
    told = {"begin fit": 1, "begin epoch": epochs, "end epoch": epochs, "end fit": 1, "setup": 1}
    assert {name: recorder.count[name] for name in told} == told
    assert_array_equal(outputs(fitted), outputs(clone(model).fit(X, y)))
    assert clone(model).set_callbacks(Recorder(stop=4)).fit(X, y).n_iter_ == 5


@NEEDS_CALLBACKS
@pytest.mark.parametrize(("model", "y"), ALL)
def test_callbacks_of_scikit_learn_are_torn_down(model: Any, y: Any) -> None:
    recorder, failing = Recorder(), Recorder(fails=True)
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    with pytest.raises(RuntimeError, match="of the callback"):
        clone(model).set_callbacks(failing).fit(X, y)
    assert recorder.count["teardown"] == failing.count["teardown"] == 1
    assert "_callback_fit_ctx" not in vars(fitted)


SCORED = [(model, y, "r2" if y is VALUES else "accuracy") for model, y in ALL if y is not None]


@NEEDS_CALLBACKS
@pytest.mark.parametrize(("model", "y", "scoring"), SCORED)
def test_a_monitor_scores_every_epoch(model: Any, y: Any, scoring: str) -> None:
    monitor = pytest.importorskip("sklearn.callback").ScoringMonitor(scoring=scoring)
    fitted = clone(model).set_callbacks(monitor).fit(X, y)
    scores = [row[scoring] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == fitted.n_iter_ * trainings(fitted)
    assert scores[-1] > scores[0]
