"""Rows of pandas objects are taken by position, whatever their labels are."""

import numpy as np
import pytest

import gatewise as gw

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def frames(labels: str):
    """X and Y as pandas objects whose labels are shuffled or text."""
    order = np.random.default_rng(1).permutation(len(X))
    index = order if labels == "shuffled" else [f"row {row}" for row in order]
    return pd.DataFrame(X, columns=list("abcd"), index=index), pd.Series(Y, index=index)


def make_model():
    model = gw.Sequential(
        [gw.Input(shape=(4,)), gw.layers.Dense(2, activation="softmax", kernel_initializer="zeros")]
    )
    model.compile(gw.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("labels", ["shuffled", "text"])
def test_compare_and_choices_score_frames_as_arrays(labels):
    x, y = frames(labels)
    options = {"epochs": 8, "verbose": 0, "cv": 3}
    expected = gw.compare({"model": make_model}, X, Y, **options)
    np.testing.assert_array_equal(
        gw.compare({"model": make_model}, x, y, **options).scores, expected.scores
    )
    assert expected.means[0] > 0.9
    options = {"num_experts": [1, 2], "k": [1], "cv": 3, "epochs": 2}
    np.testing.assert_array_equal(
        gw.choose_experts(x, y, **options).result.scores,
        gw.choose_experts(X, Y, **options).result.scores,
    )


@pytest.mark.parametrize("labels", ["shuffled", "text"])
def test_choose_selector_takes_frames(labels):
    x, y = frames(labels)
    options = {"cv": 3, "n_features_to_select": 1}
    expected = gw.selection.choose_selector(X, Y, **options)
    found = gw.selection.choose_selector(x, y, **options)
    np.testing.assert_array_equal(found.result.scores, expected.result.scores)


@pytest.mark.parametrize("labels", ["shuffled", "text"])
def test_importance_experts_take_frames(labels):
    x, y = frames(labels)
    predictions = [
        gw.decompose.SparseExperts(2, keep=0.5, seed=0).fit(a, b, epochs=3).predict(X)
        for a, b in ((X, Y), (x, y))
    ]
    np.testing.assert_array_equal(*predictions)


def test_reports_take_a_series_of_texts():
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(2), seed=0)
    sae.compile("adam")
    sae.fit(X, epochs=2, verbose=0)
    texts = [f"text {row}" for row in range(len(X))]
    series = pd.Series(texts, index=np.random.default_rng(1).permutation(len(X)))
    assert str(sae.report(X, texts=series)) == str(sae.report(X, texts=texts))


def test_frames_whose_columns_are_all_numbers_are_numbers():
    frame = pd.DataFrame(
        {
            "float": X[:, 0],
            "bool": X[:, 1] > 0,
            "nullable": pd.array(np.arange(len(X)), dtype="Int64"),
            "nullable bool": pd.array(X[:, 2] > 0, dtype="boolean"),
        }
    )
    model = make_model()
    expected = np.column_stack([X[:, 0], X[:, 1] > 0, np.arange(len(X)), X[:, 2] > 0])
    np.testing.assert_array_equal(
        model.predict(frame, verbose=0), model.predict(expected.astype(np.float32), verbose=0)
    )
    labels = pd.Series(pd.array(Y, dtype="Int64"))
    model.fit(frame, labels, verbose=0)
    frame.loc[3, "nullable"] = pd.NA
    with pytest.raises(ValueError, match="x: expected finite numbers, got nan at row 3, column 2"):
        model.predict(frame, verbose=0)


@pytest.mark.parametrize("column", [["1.5"] * len(X), [None] * len(X), list("ab") * 75])
def test_frames_with_a_column_of_text_or_objects_are_refused(column):
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    frame["text"] = column
    with pytest.raises(TypeError, match="x: expected an array of float, int or bool numbers"):
        make_model().predict(frame, verbose=0)
