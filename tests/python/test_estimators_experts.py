"""Classifier and regressor of sparse experts: tables, targets, weights, settings, scikit-learn."""

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gatewise as gw

SMALL = {"num_experts": 4, "k": 2, "members": 2, "hidden_units": 8, "learning_rate": 0.02}
RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[LABELS]
VALUES = X @ [2.0, -1.0, 0.5, 0.0] + 3
FLAGS = np.stack([LABELS, X[:, 2] > 0, X[:, 3] > 1], axis=1).astype(int)
ORDER = RNG.permutation(ROWS)
WEIGHTS = RNG.integers(1, 4, ROWS)
SPARSE_X = sparse.csr_array(np.where(RNG.random((ROWS, 30)) < 0.2, RNG.normal(size=(ROWS, 30)), 0))


def classifier(**settings: Any) -> gw.SparseExpertClassifier:
    return gw.SparseExpertClassifier(**{**SMALL, "max_iter": 20, "random_state": 0, **settings})


def regressor(**settings: Any) -> gw.SparseExpertRegressor:
    return gw.SparseExpertRegressor(**{**SMALL, "max_iter": 20, "random_state": 0, **settings})


def frame() -> pd.DataFrame:
    """Numbers, strings, flags, a category and whole numbers, three of them with missing values."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"size": X[:, 0], "color": rng.choice(["red", "blue", "green"], ROWS)})
    table["open"] = rng.random(ROWS) > 0.5
    table["kind"] = pd.Categorical(rng.choice(["u", "v"], ROWS))
    table["count"] = pd.array(rng.integers(0, 9, ROWS), dtype="Int64")
    table.loc[[3, 7], ["size", "kind", "count"]] = None
    return table


def to_polars(table: pd.DataFrame) -> pl.DataFrame:
    lists = {name: table[name].astype(object) for name in table.columns}
    return pl.DataFrame({name: each.where(each.notna(), None).tolist() for name, each in lists.items()})


FRAME = frame()
DATES = pd.date_range("2020-01-01", periods=ROWS)


@pytest.fixture(scope="module")
def fitted() -> gw.SparseExpertClassifier:
    return classifier().fit(X, LABELS)


def test_both_learn(fitted: Any) -> None:
    assert fitted.score(X, LABELS) > 0.9
    assert regressor(max_iter=40).fit(X, VALUES).score(X, VALUES) > 0.9


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        NAMES.tolist(),
        NAMES.astype(object),
        LABELS > 0,
        LABELS * 4 + 3,
        pd.Series(NAMES, index=range(5, ROWS + 5)),
        pd.Series(NAMES, dtype="category"),
        pl.Series(NAMES),
    ],
)
def test_labels_of_any_type_come_back(fitted: Any, y: Any) -> None:
    labels = np.asarray(y)
    model = classifier().fit(X, y)
    assert_array_equal(model.classes_, np.unique(labels))
    assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))
    assert_array_equal(model.predict(X), np.unique(labels)[fitted.predict(X)])
    assert model.predict(X).dtype.kind == model.classes_.dtype.kind


def test_probabilities_agree_with_scores_and_labels() -> None:
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    for y, shape in ((LABELS, (ROWS,)), (three, (ROWS, 3)), (FLAGS, (ROWS, 3))):
        model = classifier().fit(X, y)
        probabilities, scores = model.predict_proba(X), model.decision_function(X)
        assert scores.shape == shape
        assert_allclose(np.exp(model.predict_log_proba(X)), probabilities, atol=1e-12)
        if y is FLAGS:
            assert_array_equal(model.predict(X), scores > 0)
        else:
            assert_allclose(probabilities.sum(axis=1), 1)
            best = scores > 0 if y is LABELS else scores.argmax(axis=1)
            assert_array_equal(model.predict(X), best)


@pytest.mark.parametrize(
    "y", [FLAGS, FLAGS > 0, FLAGS.tolist(), sparse.csr_array(FLAGS), pd.DataFrame(FLAGS)]
)
def test_several_labels_are_predicted_as_flags(y: Any) -> None:
    model = classifier(max_iter=40).fit(X, y)
    assert_array_equal(model.predict(X), classifier(max_iter=40).fit(X, FLAGS).predict(X))
    assert np.mean(model.predict(X) == FLAGS) > 0.85
    assert model.predict_proba(X).shape == (ROWS, 3)


@pytest.mark.xfail(strict=True, reason="the message speaks of a loss that nobody chose")
def test_several_targets_of_more_than_two_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="flags|multioutput|several"):
        classifier().fit(X, np.stack([LABELS, LABELS * 2, LABELS + 1], axis=1))


@pytest.mark.filterwarnings("ignore::gatewise.OneClassWarning")
def test_a_single_class_is_predicted_always() -> None:
    model = classifier().fit(X, np.full(ROWS, "a"))
    assert model.predict(X).tolist() == ["a"] * ROWS
    assert_array_equal(model.predict_proba(X), np.ones((ROWS, 1)))


@pytest.mark.xfail(strict=True, reason="OneClassWarning names a layer and a loss of the inside")
def test_a_single_class_does_not_warn_of_layers() -> None:
    classifier().fit(X, np.full(ROWS, "a"))


def test_several_values_are_predicted_at_once() -> None:
    y = np.stack([VALUES, -50 * VALUES], axis=1)
    model = regressor(max_iter=40).fit(X, y)
    assert model.predict(X).shape == (ROWS, 2)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="y: expected 2 columns, got 1"):
        model.partial_fit(X, VALUES)


def test_a_data_frame_is_read_by_column() -> None:
    y = np.where(FRAME["color"] == "red", "stop", "go")
    model = classifier(max_iter=40).fit(FRAME, y)
    assert model.score(FRAME, y) > 0.95
    # Two numbers with a mark of missing values each, the flag, three colors, two kinds and none.
    assert model.model_.input_shape == (None, 2 * 2 + 1 + 3 + 3)
    assert model.feature_names_in_.tolist() == FRAME.columns.tolist()
    unknown = FRAME.assign(color="violet", kind=None, size=np.nan)
    assert np.isfinite(model.predict_proba(unknown)).all()
    with pytest.raises(ValueError, match="same order"):
        model.predict(FRAME[FRAME.columns[::-1]])


def test_polars_and_pandas_give_the_same_bits() -> None:
    model, other = classifier().fit(FRAME, LABELS), classifier().fit(to_polars(FRAME), LABELS)
    expected = model.predict_proba(FRAME)
    assert_array_equal(other.predict_proba(to_polars(FRAME)), expected)
    assert_array_equal(model.predict_proba(to_polars(FRAME)), expected)


@pytest.mark.parametrize(
    "table",
    [
        FRAME.assign(when=DATES),
        FRAME.assign(when=DATES.tz_localize("UTC")),
        FRAME.assign(when=DATES - DATES[0]),
        pytest.param(
            to_polars(FRAME).with_columns(when=pl.Series(DATES.to_pydatetime())),
            marks=pytest.mark.xfail(strict=True, reason="times of polars become categories"),
        ),
        pytest.param(
            to_polars(FRAME).with_columns(when=pl.date(2020, 1, 1)),
            marks=pytest.mark.xfail(strict=True, reason="times of polars become categories"),
        ),
    ],
)
def test_a_column_of_times_is_refused(table: Any) -> None:
    with pytest.raises(ValueError, match="'when'"):
        classifier().fit(table, LABELS)


def test_infinity_is_refused() -> None:
    table = FRAME.assign(size=np.inf)
    for each in (table, to_polars(table)):
        with pytest.raises(ValueError, match="infinity in column 'size'"):
            classifier().fit(each, LABELS)
    with pytest.raises(ValueError, match="infinity"):
        classifier().fit(np.where(X > 2, np.inf, X), LABELS)
    with pytest.raises(ValueError, match="infinity in column 'size'"):
        classifier().fit(FRAME, LABELS).predict(table)


@pytest.mark.parametrize("chosen", [[1, 3], ["color", "kind"], [False, True, False, True, False]])
def test_categories_can_be_chosen(chosen: Any) -> None:
    expected = classifier().fit(FRAME, LABELS).predict_proba(FRAME)
    model = classifier(categorical_features=chosen)
    assert_array_equal(model.fit(FRAME, LABELS).predict_proba(FRAME), expected)


def test_columns_of_an_array_can_be_categories() -> None:
    x = np.column_stack([X[:, :2], WEIGHTS])
    assert classifier().fit(x, LABELS).model_.input_shape == (None, 3)
    assert classifier(categorical_features=None).fit(x, LABELS).model_.input_shape == (None, 3)
    for chosen in ([2], np.array([False, False, True])):
        model = classifier(categorical_features=chosen).fit(x, LABELS)
        assert model.model_.input_shape == (None, 2 + 3)


NO_NAME = pytest.mark.xfail(strict=True, reason="'int' object is not iterable")


@pytest.mark.parametrize(
    "chosen", ["color", [9], [-1], [True], [1.5], ["size", "x"], pytest.param(2, marks=NO_NAME)]
)
def test_wrong_categorical_features_are_named(chosen: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="categorical_features"):
        classifier(categorical_features=chosen).fit(FRAME, LABELS)


@pytest.mark.xfail(strict=True, reason="the column is not named; polars raises no ValueError")
@pytest.mark.parametrize("table", [FRAME, to_polars(FRAME)], ids=["pandas", "polars"])
def test_text_that_is_no_category_is_named(table: Any) -> None:
    with pytest.raises(ValueError, match="'color'"):
        classifier(categorical_features=None).fit(table, LABELS)


@pytest.mark.xfail(strict=True, reason="1 is read as '1' and 1.0 as '1.0'")
def test_whole_numbers_are_the_same_categories_as_floats() -> None:
    table = pd.DataFrame({"code": WEIGHTS})
    model = classifier(categorical_features=["code"]).fit(table, WEIGHTS)
    assert_array_equal(model.predict(table.astype(float)), model.predict(table))


@pytest.mark.xfail(strict=True, reason="rows that differ by it are merged")
def test_a_missing_category_is_not_the_text_none() -> None:
    table = pd.DataFrame({"answer": ["None", None] * (ROWS // 2)})
    assert classifier().fit(table, LABELS).model_.input_shape == (None, 2)


def test_many_categories_share_an_input() -> None:
    table = pd.DataFrame({"code": [f"c{row}" for row in range(300)]})
    assert classifier().fit(table, np.arange(300) % 2).model_.input_shape == (None, 255)


@pytest.mark.xfail(strict=True, reason="need at least one array to concatenate")
def test_a_frame_without_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="feature|column"):
        classifier().fit(FRAME[[]], LABELS)


def test_sparse_rows_of_any_format_give_the_same_bits() -> None:
    model = classifier().fit(SPARSE_X, LABELS)
    expected = model.predict_proba(SPARSE_X)
    for each in (SPARSE_X.tocsc(), SPARSE_X.tocoo(), sparse.csr_matrix(SPARSE_X)):
        assert_array_equal(model.predict_proba(each), expected)
        assert_array_equal(classifier().fit(each, LABELS).predict_proba(each), expected)
    assert_allclose(model.predict_proba(SPARSE_X.toarray()), expected, atol=1e-6)
    assert [each.shape for each in model.routing(SPARSE_X)] == [(2, ROWS, 2)] * 2
    with pytest.raises(ValueError, match="categorical_features: .*sparse"):
        classifier(categorical_features=[0]).fit(SPARSE_X, LABELS)


@pytest.mark.xfail(strict=True, reason="Cannot center sparse matrices: pass `with_mean=False`")
def test_sparse_rows_suit_a_model_of_dense_rows(fitted: Any) -> None:
    assert_array_equal(fitted.predict(sparse.csr_array(X)), fitted.predict(X))


def test_copies_predict_the_same_bits(fitted: Any) -> None:
    expected = fitted.predict_proba(X)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_array_equal(other.predict_proba(X), expected)
        other.partial_fit(X, 1 - LABELS)
    assert_array_equal(fitted.predict_proba(X), expected)
    new = clone(fitted)
    assert not hasattr(new, "model_")
    assert_array_equal(new.fit(X, LABELS).predict_proba(X), expected)


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_threads_change_no_bits_and_are_reset(fitted: Any, n_jobs: int) -> None:
    before = gw.get_num_threads()
    model = classifier(n_jobs=n_jobs).fit(X, LABELS)
    assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))
    assert gw.get_num_threads() == before
    with pytest.raises(ValueError):
        model.set_params(weight_decay=-1).fit(X, LABELS)
    assert gw.get_num_threads() == before


def test_processes_give_the_same_bits(fitted: Any) -> None:
    models = Parallel(n_jobs=2, backend="loky")(delayed(classifier().fit)(X, LABELS) for _ in "ab")
    for model in models:
        assert_array_equal(model.predict_proba(X), fitted.predict_proba(X))


def test_the_seed_decides(fitted: Any) -> None:
    assert np.any(classifier(random_state=1).fit(X, LABELS).predict_proba(X) != fitted.predict_proba(X))
    state = [classifier(random_state=np.random.RandomState(3)).fit(X, LABELS) for _ in "ab"]
    assert_array_equal(state[0].predict_proba(X), state[1].predict_proba(X))


INEXACT = pytest.mark.xfail(strict=True, reason="mean and deviation of y are of unsorted rows")
BALANCED = pytest.mark.xfail(strict=True, reason="weights of classes count rows, not weights")
KINDS = [
    (classifier(), LABELS),
    (classifier(), FLAGS),
    (classifier(class_weight={0: 1, 1: 5}), LABELS),
    pytest.param(regressor(), VALUES, marks=INEXACT),
]


@pytest.mark.parametrize(("model", "y"), KINDS)
def test_the_order_of_rows_does_not_matter(model: Any, y: Any) -> None:
    expected = clone(model).fit(X, y).predict(X)
    assert_array_equal(clone(model).fit(X[ORDER], y[ORDER]).predict(X), expected)


@pytest.mark.parametrize(
    ("model", "y"),
    [*KINDS, pytest.param(classifier(class_weight="balanced"), LABELS, marks=BALANCED)],
)
def test_a_weight_counts_as_rows(model: Any, y: Any) -> None:
    def outputs(each: Any) -> Any:
        return each.predict(X) if each._estimator_type == "regressor" else each.predict_proba(X)

    rows = np.repeat(np.arange(ROWS), WEIGHTS)
    weighted = clone(model).fit(X, y, sample_weight=WEIGHTS)
    assert_array_equal(outputs(weighted), outputs(clone(model).fit(X[rows], y[rows])))
