"""Feature selectors: scikit-learn's checks, selected features and choice of selector."""

import time

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from scipy.stats import ttest_ind
from sklearn.base import clone
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import gatewise as gw
from gatewise.selection import (
    BetweennessSelector,
    ComponentsSelector,
    DBSCANSelector,
    KMeansSelector,
    LassoSelector,
    LogisticSelector,
    PageRankSelector,
    RidgeSelector,
    TTestSelector,
    choose_selector,
)
from gatewise.selection.base import correlations
from gatewise.selection.choice import all_selectors
from gatewise.selection.graphs import association_graph

SUPERVISED = [TTestSelector, LogisticSelector, LassoSelector, RidgeSelector]
UNSUPERVISED = [
    PageRankSelector,
    BetweennessSelector,
    ComponentsSelector,
    KMeansSelector,
    DBSCANSelector,
]
ALL = SUPERVISED + UNSUPERVISED


@pytest.fixture
def data():
    """The label depends on columns 0 to 3; the others are noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 12))
    return x, (x[:, 0] + x[:, 1] - x[:, 2] + 0.5 * x[:, 3] > 0).astype(np.int64)


@pytest.fixture
def copies():
    """Four noisy copies of each of three columns, in random order."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(200, 3))
    owner = rng.permutation(np.repeat(np.arange(3), 4))
    return sources[:, owner] + 0.2 * rng.normal(size=(200, 12)), owner


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ALL)
def test_every_selector_passes_the_checks_of_scikit_learn(kind):
    check_estimator(kind())


def test_t_agrees_with_welchs_test(data):
    x, y = data
    selector = TTestSelector(4).fit(x, y)
    test = ttest_ind(x[y == 0], x[y == 1], equal_var=False)
    np.testing.assert_allclose(selector.scores_, np.abs(test.statistic))
    np.testing.assert_allclose(selector.pvalues_, test.pvalue, rtol=1e-6)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3]


def test_t_of_several_classes_is_the_largest_one_versus_rest(data):
    x = data[0]
    y = np.digitize(x[:, 5], [-0.5, 0.5])
    selector = TTestSelector(1).fit(x, y)
    tests = [ttest_ind(x[y == c], x[y != c], equal_var=False) for c in range(3)]
    np.testing.assert_allclose(selector.scores_, np.abs([t.statistic for t in tests]).max(axis=0))
    assert selector.get_support(indices=True).tolist() == [5]


def test_constant_columns_score_zero_unless_they_separate_classes(data):
    x, y = data
    x = x.copy()
    x[:, 10] = 3
    x[:, 11] = y
    scores = TTestSelector().fit(x, y).scores_
    assert scores[10] == 0
    assert scores[11] == np.inf


@pytest.mark.parametrize(
    ("selector", "model"),
    [
        (LogisticSelector(4, C=0.5), LogisticRegression(C=0.5, max_iter=1000)),
        (RidgeSelector(4, alpha=2.0), Ridge(alpha=2.0)),
    ],
)
def test_scores_are_coefficients_of_scaled_columns(data, selector, model):
    x, y = data
    model.fit(x / x.std(axis=0), y)
    np.testing.assert_allclose(selector.fit(x, y).scores_, np.abs(model.coef_).ravel(), rtol=1e-6)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3]
    # The scale of columns does not matter.
    np.testing.assert_allclose(
        selector.fit(x * 7, y).scores_, selector.fit(x, y).scores_, rtol=1e-4
    )


def test_lasso_selects_columns_with_nonzero_coefficients(data):
    x, y = data
    scaled = x / x.std(axis=0)
    alpha_max = np.abs(scaled.T @ (y - y.mean())).max() / len(y)
    coefficients = np.abs(Lasso(alpha=0.3 * alpha_max).fit(scaled, y).coef_)
    selector = LassoSelector(strength=0.3).fit(x, y)
    np.testing.assert_allclose(selector.scores_, coefficients, atol=1e-6)
    assert selector.get_support().tolist() == (coefficients > 0).tolist()
    assert LassoSelector(2, strength=0.3).fit(x, y).get_support().sum() == 2


@pytest.mark.parametrize("kind", [LassoSelector, RidgeSelector])
def test_numeric_targets_are_regressed(data, kind):
    x = data[0]
    y = 2 * x[:, 7] - 3 * x[:, 8] + 0.01 * data[1]
    assert kind(2).fit(x, y).get_support(indices=True).tolist() == [7, 8]


def test_association_graph_connects_each_column_to_its_nearest():
    similarities = np.array(
        [[1, 0.9, 0.2, 0.0], [0.9, 1, 0.3, 0], [0.2, 0.3, 1, 0], [0, 0, 0, 1.0]]
    )
    graph = association_graph(similarities, 1)
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 0.9
    expected[1, 2] = expected[2, 1] = 0.3
    np.testing.assert_array_equal(graph, expected)


def test_pagerank_selects_the_column_that_others_resemble():
    rng = np.random.default_rng(0)
    hub = rng.normal(size=400)
    x = np.stack([hub + rng.normal(size=400) for _ in range(8)] + [hub], axis=1)
    x = np.concatenate([x, rng.normal(size=(400, 4))], axis=1)
    assert PageRankSelector(1, neighbours=3).fit(x).get_support(indices=True).tolist() == [8]


def test_betweenness_selects_the_column_between_two_groups():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 500))
    x = [left + 0.3 * rng.normal(size=500) for _ in range(4)]
    x += [right + 0.3 * rng.normal(size=500) for _ in range(4)] + [left + right]
    selector = BetweennessSelector(1, neighbours=4).fit(np.stack(x, axis=1))
    assert selector.get_support(indices=True).tolist() == [8]
    few = BetweennessSelector(1, neighbours=3, pivots=5, random_state=1)
    assert few.fit(np.stack(x, axis=1)).scores_.shape == (9,)


@pytest.mark.parametrize(
    "selector",
    [ComponentsSelector(0.6, neighbours=3), KMeansSelector(3), DBSCANSelector(eps=0.2)],
    ids=lambda each: type(each).__name__,
)
def test_one_column_represents_each_set_of_copies(copies, selector):
    x, owner = copies
    kept = selector.fit(x).get_support(indices=True)
    assert sorted(owner[kept]) == [0, 1, 2]
    found = getattr(selector, "labels_", None)
    found = selector.components_ if found is None else found
    assert all(len(set(found[owner == each])) == 1 for each in range(3))


def test_columns_similar_to_no_other_are_kept():
    x = np.random.default_rng(0).normal(size=(200, 5))
    assert DBSCANSelector(eps=0.2).fit(x).get_support().all()
    assert ComponentsSelector(0.8).fit(x).get_support().all()


def test_correlations_agree_with_numpy_and_are_0_for_constants(copies):
    x = np.concatenate([copies[0], np.full((200, 1), 1e6)], axis=1)
    expected = np.abs(np.corrcoef(copies[0].T))
    np.testing.assert_allclose(correlations(x)[:12, :12], expected, atol=1e-9)
    assert (correlations(x)[12] == 0).all()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("form", [csr_array, csr_matrix])
def test_csr_rows_are_scored_like_dense_rows(data, kind, form):
    x, y = data
    x = np.where(x > 0.3, x, 0)
    dense, sparse = kind().fit(x, y), kind().fit(form(x), y)
    np.testing.assert_allclose(sparse.scores_, dense.scores_, rtol=2e-3, atol=1e-6)
    np.testing.assert_array_equal(sparse.transform(form(x)).toarray(), dense.transform(x))


def test_selectors_accept_codes_of_an_autoencoder(data):
    x, y = data
    sae = gw.SparseAutoencoder(40, activation=gw.TopK(8), seed=0)
    sae.compile(gw.optimizers.Adam(0.01))
    sae.fit(x.astype(np.float32), epochs=30, verbose=0)
    codes = sae.encode(x.astype(np.float32))
    for kind in ALL:
        kept = kind().fit(codes, y).transform(codes)
        assert kept.shape[0] == 300
        assert 1 <= kept.shape[1] <= 40
    pipeline = make_pipeline(TTestSelector(0.5), LogisticRegression(max_iter=1000))
    assert pipeline.fit(codes, y).score(codes, y) > 0.8


def test_the_column_count_can_be_a_count_or_a_fraction(data):
    x, y = data
    for n_features, kept in ((None, 6), (1, 1), (5, 5), (99, 12), (0.25, 3), (1.0, 12), (0.01, 1)):
        assert TTestSelector(n_features).fit(x, y).get_support().sum() == kept
    for n_features in (0, -1, 1.5, 0.0):
        with pytest.raises(ValueError, match=r"n_features_to_select: expected an integer >= 1 or"):
            TTestSelector(n_features).fit(x, y)
    with pytest.raises(TypeError, match=r"n_features_to_select: expected a number, got 'all'"):
        TTestSelector("all").fit(x, y)


def test_wrong_settings_are_refused(data):
    x, y = data
    with pytest.raises(ValueError, match=r"strength: expected a number in \(0, 1\), got 2"):
        LassoSelector(strength=2).fit(x, y)
    with pytest.raises(ValueError, match=r"neighbours: expected an integer >= 1, got 0"):
        PageRankSelector(neighbours=0).fit(x)
    with pytest.raises(ValueError, match=r"y: expected at least two classes, got one class"):
        TTestSelector().fit(x, np.zeros(300, int))
    with pytest.raises(ValueError, match="NaN"):
        TTestSelector().fit(np.where(x > 2, np.nan, x), y)


def test_choose_selector_chooses_the_fewest_columns_within_the_rule(data):
    x, y = data
    selectors = {"two": TTestSelector(2), "four": TTestSelector(4), "all": TTestSelector(12)}
    choice = choose_selector(x, y, 5, selectors=selectors)
    assert choice.name == "four"
    assert choice.selector.get_support(indices=True).tolist() == [0, 1, 2, 3]
    assert choice.result.costs == (2, 4, 12)
    assert choice.reason == choice.result.reason
    assert "columns" in str(choice)


def test_all_nine_selectors_are_compared_by_default(data):
    x, y = data
    choice = choose_selector(csr_array(np.where(x > 0, x, 0)), y, 2, n_features_to_select=4)
    assert len(choice.result.names) == 9
    assert choice.name in {"t-test", "logistic", "lasso", "ridge"}


def test_gw_compare_accepts_selectors(data):
    models = {
        name: make_pipeline(clone(each), LogisticRegression())
        for name, each in all_selectors(4).items()
        if name in ("t-test", "k-means")
    }
    result = gw.compare(models, *data, cv=3)
    assert result.best == "t-test"


def test_a_thousand_columns_of_ten_thousand_rows_take_seconds():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10_000, 1000))
    x[:, 500:] += x[:, :500]
    y = (x[:, :5].sum(axis=1) > 0).astype(int)
    for name, selector in all_selectors(50).items():
        began = time.perf_counter()
        selector.fit(x, y)
        assert time.perf_counter() - began < 10, name
