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
