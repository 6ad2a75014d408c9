"""Tables of the sparse expert estimators: data frames, categories, missing values, sparse rows."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

import gatewise as gw

RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
CODES = RNG.integers(1, 4, ROWS)
SPARSE_X = sparse.csr_array(np.where(RNG.random((ROWS, 30)) < 0.2, RNG.normal(size=(ROWS, 30)), 0))


def classifier(**settings: Any) -> gw.SparseExpertClassifier:
    small = {"num_experts": 4, "members": 2, "hidden_units": 8, "n_estimators": 1, "max_iter": 20}
    small |= {"learning_rate": 0.02, "random_state": 0}
    return gw.SparseExpertClassifier(**{**small, **settings})


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


def test_a_data_frame_is_read_by_column() -> None:
    y = np.where(FRAME["color"] == "red", "stop", "go")
    model = classifier(max_iter=40).fit(FRAME, y)
    assert model.score(FRAME, y) > 0.95
    # Two numbers with a mark of missing values each, the flag, 3 colors or none, 2 kinds or none.
    assert model.models_[0].input_shape == (None, 2 * 2 + 1 + 4 + 3)
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
        (to_polars(FRAME).with_columns(when=pl.date(2020, 1, 1))),
        (to_polars(FRAME).with_columns(when=pl.datetime(2020, 1, 1))),
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
    x = np.column_stack([X[:, :2], CODES])
    assert classifier().fit(x, LABELS).models_[0].input_shape == (None, 3)
    assert classifier(categorical_features=None).fit(x, LABELS).models_[0].input_shape == (None, 3)
    for chosen in ([2], np.array([False, False, True])):
        model = classifier(categorical_features=chosen).fit(x, LABELS)
        assert model.models_[0].input_shape == (None, 2 + 3)


@pytest.mark.parametrize("chosen", ["color", [9], [-1], [True], [1.5], ["size", "x"], 2])
def test_wrong_categorical_features_are_named(chosen: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="categorical_features"):
        classifier(categorical_features=chosen).fit(FRAME, LABELS)


@pytest.mark.parametrize("table", [FRAME, to_polars(FRAME)], ids=["pandas", "polars"])
def test_text_that_is_no_category_is_named(table: Any) -> None:
    with pytest.raises(ValueError, match="'color'"):
        classifier(categorical_features=None).fit(table, LABELS)


def test_whole_numbers_are_the_same_categories_as_floats() -> None:
    table = pd.DataFrame({"code": CODES})
    model = classifier(categorical_features=["code"]).fit(table, CODES)
    assert_array_equal(model.predict(table.astype(float)), model.predict(table))


def test_a_missing_category_is_not_the_text_none() -> None:
    table = pd.DataFrame({"answer": ["None", "None", None, None] * 30})
    assert classifier().fit(table, [0, 1] * 60).models_[0].input_shape == (None, 2)


def test_many_categories_share_an_input() -> None:
    table = pd.DataFrame({"code": [f"c{row}" for row in range(300)]})
    assert classifier().fit(table, np.arange(300) % 2).models_[0].input_shape == (None, 255)


def test_missing_numbers_are_marked_if_they_were_in_fit() -> None:
    x = np.where(X > 1, np.nan, X)
    y = np.isnan(x[:, 0])
    model = classifier(max_iter=40).fit(x, y)
    assert model.models_[0].input_shape == (None, 4 + 4)
    assert model.score(x, y) > 0.95
    plain = classifier().fit(X, LABELS)
    assert plain.models_[0].input_shape == (None, 4)
    means = np.where(np.isnan(x), X.mean(axis=0), X)
    assert_allclose(plain.predict_proba(x), plain.predict_proba(means), atol=1e-5)
    gaps = SPARSE_X.copy()
    gaps.data[::7] = np.nan
    assert np.isfinite(classifier().fit(gaps, LABELS).predict_proba(gaps)).all()


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
    assert [each.shape for each in model.routing(SPARSE_X)] == [(2, ROWS, 4)] * 2
    with pytest.raises(ValueError, match=r"share_experts: .*sparse"):
        classifier(share_experts=True).fit(SPARSE_X, LABELS)
    with pytest.raises(ValueError, match=r"categorical_features: .*sparse"):
        classifier(categorical_features=[0]).fit(SPARSE_X, LABELS)


def test_sparse_rows_suit_a_model_of_dense_rows() -> None:
    model = classifier().fit(X, LABELS)
    assert_array_equal(model.predict(sparse.csr_array(X)), model.predict(X))


def test_a_warm_start_refuses_other_columns() -> None:
    model = classifier(warm_start=True).fit(FRAME, LABELS)
    with pytest.raises(ValueError, match="feature names"):
        model.fit(FRAME.rename(columns={"size": "width"}), LABELS)
