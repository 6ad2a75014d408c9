"""Classifier and regressor of sparse experts: tables, targets, rows and settings."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.metrics import log_loss

import gatewise as gw

SMALL = {"num_experts": 4, "k": 2, "members": 2, "hidden_units": 8, "learning_rate": 0.02}
RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[LABELS]
VALUES = X @ [2.0, -1.0, 0.5, 0.0] + 3
FLAGS = np.stack([LABELS, X[:, 2] > 0, X[:, 3] > 1], axis=1).astype(int)
WEIGHTS = RNG.integers(1, 4, ROWS)
SPARSE_X = sparse.csr_array(np.where(RNG.random((ROWS, 30)) < 0.2, RNG.normal(size=(ROWS, 30)), 0))


def classifier(**settings: Any) -> gw.SparseExpertClassifier:
    return gw.SparseExpertClassifier(**{**SMALL, "max_iter": 20, "random_state": 0, **settings})


def regressor(**settings: Any) -> gw.SparseExpertRegressor:
    return gw.SparseExpertRegressor(**{**SMALL, "max_iter": 20, "random_state": 0, **settings})


def frame() -> pd.DataFrame:
    """Numbers, strings, flags, a category and whole numbers; missing values in all but flags."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"size": X[:, 0], "color": rng.choice(["red", "blue", "green"], ROWS)})
    table["open"] = rng.random(ROWS) > 0.5
    table["kind"] = pd.Categorical(rng.choice(["u", "v"], ROWS))
    table["count"] = pd.array(rng.integers(0, 9, ROWS), dtype="Int64")
    table.loc[[3, 7], ["size", "color", "kind", "count"]] = None
    return table


def to_polars(table: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(table.astype(object).where(table.notna(), None).to_dict("list"))


FRAME = frame()
DATES = pd.date_range("2020-01-01", periods=ROWS)


@pytest.fixture(scope="module")
def fitted() -> gw.SparseExpertClassifier:
    return classifier().fit(X, LABELS)


def test_both_learn() -> None:
    assert classifier(max_iter=60).fit(X, LABELS).score(X, LABELS) > 0.9
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
    with pytest.raises(ValueError, match=r"flags|multioutput|several"):
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
    # Two numbers with a mark of missing values each, the flag, 3 colors or none, 2 kinds or none.
    assert model.model_.input_shape == (None, 2 * 2 + 1 + 4 + 3)
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


SILENT = pytest.mark.xfail(strict=True, reason="times of polars become categories")


@pytest.mark.parametrize(
    "table",
    [
        FRAME.assign(when=DATES),
        FRAME.assign(when=DATES.tz_localize("UTC")),
        FRAME.assign(when=DATES - DATES[0]),
        pytest.param(to_polars(FRAME).with_columns(when=pl.date(2020, 1, 1)), marks=SILENT),
        pytest.param(to_polars(FRAME).with_columns(when=pl.datetime(2020, 1, 1)), marks=SILENT),
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
    table = pd.DataFrame({"answer": ["None", "None", None, None] * 30})
    assert classifier().fit(table, [0, 1] * 60).model_.input_shape == (None, 2)


def test_many_categories_share_an_input() -> None:
    table = pd.DataFrame({"code": [f"c{row}" for row in range(300)]})
    assert classifier().fit(table, np.arange(300) % 2).model_.input_shape == (None, 255)


@pytest.mark.xfail(strict=True, reason="need at least one array to concatenate")
def test_a_frame_without_columns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"feature|column"):
        classifier().fit(FRAME[[]], LABELS)


def test_sparse_rows_of_any_format_give_the_same_bits() -> None:
    model = classifier().fit(SPARSE_X, LABELS)
    expected = model.predict_proba(SPARSE_X)
    for each in (SPARSE_X.tocsc(), SPARSE_X.tocoo(), sparse.csr_matrix(SPARSE_X)):
        assert_array_equal(model.predict_proba(each), expected)
        assert_array_equal(classifier().fit(each, LABELS).predict_proba(each), expected)
    assert_allclose(model.predict_proba(SPARSE_X.toarray()), expected, atol=1e-6)
    assert [each.shape for each in model.routing(SPARSE_X)] == [(2, ROWS, 2)] * 2
    with pytest.raises(ValueError, match=r"categorical_features: .*sparse"):
        classifier(categorical_features=[0]).fit(SPARSE_X, LABELS)


@pytest.mark.xfail(strict=True, reason="Cannot center sparse matrices: pass `with_mean=False`")
def test_sparse_rows_suit_a_model_of_dense_rows(fitted: Any) -> None:
    assert_array_equal(fitted.predict(sparse.csr_array(X)), fitted.predict(X))


def test_weights_of_classes_multiply_those_of_rows() -> None:
    given = classifier(class_weight={"no": 1, "yes": 5}).fit(X, NAMES).predict_proba(X)
    weighted = classifier().fit(X, NAMES, sample_weight=np.where(LABELS, 5, 1))
    assert_array_equal(given, weighted.predict_proba(X))
    rare = X[:, 0] > 1
    plain, balanced = (classifier(class_weight=each).fit(X, rare) for each in (None, "balanced"))
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05
    with pytest.raises(ValueError, match="class_weight"):
        classifier(class_weight="even").fit(X, LABELS)


@pytest.mark.parametrize("weight", [np.zeros(ROWS), -np.ones(ROWS), np.ones(3), [np.nan] * ROWS])
def test_wrong_weights_are_named(weight: Any) -> None:
    with pytest.raises(ValueError, match="sample_weight"):
        classifier().fit(X, LABELS, sample_weight=weight)


def test_given_rows_choose_the_best_epoch() -> None:
    x, y, x_val, y_val = X[:60], LABELS[:60], X[60:], LABELS[60:]
    model = classifier(max_iter=60, learning_rate=0.1, n_iter_no_change=5)
    model.fit(x, y, X_val=x_val, y_val=y_val)
    losses = model.history_["val_loss"]
    assert model.best_iter_ == np.argmin(losses) + 1
    assert model.n_iter_ == len(losses) == model.best_iter_ + 5 < 60
    assert_allclose(log_loss(y_val, model.predict_proba(x_val)), min(losses), rtol=1e-4)
    for half in ({"X_val": x_val}, {"y_val": y_val}):
        with pytest.raises(ValueError, match="X_val, y_val"):
            model.fit(x, y, **half)
    with pytest.raises(ValueError, match=r"y: expected one of the classes \[0, 1\]"):
        model.fit(x, y, X_val=x_val, y_val=y_val + 1)


@pytest.mark.xfail(strict=True, reason="it is ignored")
def test_weights_for_no_given_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_weight_val"):
        classifier().fit(X, LABELS, sample_weight_val=np.ones(ROWS))


def test_rows_are_held_out_only_to_stop_early() -> None:
    model = classifier(max_iter=60, learning_rate=0.1, n_iter_no_change=3).fit(X, LABELS)
    assert model.n_iter_ == model.best_iter_ + 3 < 60
    full = classifier(early_stopping=False, validation_fraction=0.9).fit(X, LABELS)
    assert full.best_iter_ == full.n_iter_ == len(full.history_["loss"]) == 20
    assert set(full.history_) == {"loss", "accuracy"}


def test_partial_fit_learns_over_many_calls() -> None:
    model = classifier(learning_rate=0.2).partial_fit(X[:5], NAMES[:5], classes=["yes", "no"])
    for call in range(60):
        some = slice(call % 4 * 30, call % 4 * 30 + 30)
        model.partial_fit(X[some], NAMES[some])
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.n_iter_ == 61
    assert model.score(X, NAMES) > 0.9
    with pytest.raises(ValueError, match=r"y: expected one of the classes .* got .*'maybe'"):
        model.partial_fit(X, np.full(ROWS, "maybe"))
    values = regressor(learning_rate=0.2)
    for _ in range(60):
        values.partial_fit(X, VALUES, sample_weight=WEIGHTS)
    assert values.score(X, VALUES) > 0.9


@pytest.mark.xfail(strict=True, reason="classes of later calls are ignored")
def test_partial_fit_refuses_other_classes_later() -> None:
    model = classifier().partial_fit(X, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, LABELS, classes=[0, 1, 2])


@pytest.mark.xfail(strict=True, reason="the first call sorts its rows")
def test_partial_fit_takes_rows_in_their_order() -> None:
    models = [classifier(batch_size=8).partial_fit(X[::s], LABELS[::s]) for s in (1, -1)]
    assert np.any(models[0].predict_proba(X) != models[1].predict_proba(X))


def test_a_warm_start_goes_on_with_the_model() -> None:
    model = classifier(warm_start=True, early_stopping=False).fit(X, LABELS)
    first, loss = model.model_, model.history_["loss"][-1]
    assert model.fit(X, LABELS).model_ is first
    assert model.history_["loss"][-1] < loss
    with pytest.raises(ValueError, match="2 features"):
        model.fit(X[:, :2], LABELS)
    with pytest.raises(ValueError, match="classes"):
        model.fit(X, LABELS + 1)
    assert classifier().fit(X, LABELS).fit(X[:, :2], LABELS + 1).classes_.tolist() == [1, 2]


@pytest.mark.xfail(strict=True, reason="names are checked only in predict, and then against new")
def test_a_warm_start_refuses_other_columns() -> None:
    model = classifier(warm_start=True).fit(FRAME, LABELS)
    with pytest.raises(ValueError, match="feature names"):
        model.fit(FRAME.rename(columns={"size": "width"}), LABELS)


def test_routing_and_load_describe_the_rows(fitted: Any) -> None:
    experts, weights = fitted.routing(X)
    assert experts.shape == weights.shape == (2, ROWS, 2)
    assert (experts[..., 0] != experts[..., 1]).all()
    assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    load = fitted.expert_load(X)
    assert load.rows.sum() == 2 * ROWS * 2
    assert_array_equal(load.rows, np.bincount(experts.ravel(), minlength=4))


@pytest.mark.xfail(strict=True, reason="the setting is used, not the number of the model")
def test_routing_has_the_members_that_were_trained() -> None:
    model = classifier().fit(X, LABELS).set_params(members=4)
    assert model.routing(X)[0].shape == (2, ROWS, 2)


UNNAMED = pytest.mark.xfail(strict=True, reason="the message does not name it, or it is accepted")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("k", 5),
        ("k", 0),
        ("num_experts", 0),
        ("members", 0),
        ("members", 1.5),
        ("hidden_units", "many"),
        ("n_iter_no_change", 0),
        ("validation_fraction", 0.9),
        ("n_jobs", 0),
        ("weight_decay", -1),
        ("balance", "even"),
        ("verbose", "loud"),
        *(pytest.param("learning_rate", each, marks=UNNAMED) for each in ("fast", -1, None)),
        *(pytest.param("max_iter", each, marks=UNNAMED) for each in ("many", 0, -1, 2.7, None)),
        *(pytest.param("batch_size", each, marks=UNNAMED) for each in ("big", 0, -3, 8.5)),
        pytest.param("random_state", -1, marks=UNNAMED),
    ],
)
def test_wrong_settings_are_named(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
        classifier(**{name: value}).fit(X, LABELS)
