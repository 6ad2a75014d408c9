"""Cross-validation: folds, candidates, the one-standard-error rule, the choice of experts."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gatewise as gw
from gatewise.data.scores import accuracy, explained_variance
from gatewise.validation.dense_peers import parameters_of, with_dense_peers
from gatewise.validation.folds import make_folds
from gatewise.validation.one_standard_error import simplest_within_one_error


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 5)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def dense(units=4, rate=0.01, **options):
    model = gw.Sequential(
        [gw.Input((5,)), gw.layers.Dense(units, "tanh"), gw.layers.Dense(2, "softmax")], **options
    )
    model.compile(gw.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def test_folds_of_an_integer_contain_every_row_once(data):
    x, y = data
    for target in (y, x, None):
        folds = make_folds(4, x, target, seed=1)
        held_out = np.concatenate([fold[1] for fold in folds])
        assert sorted(held_out) == list(range(120))
        assert all(not set(training) & set(validation) for training, validation in folds)


def test_folds_are_stratified_and_reproducible_with_the_seed(data):
    x, y = data
    folds = make_folds(4, x, y, seed=1)
    assert max(abs(y[rows].mean() - y.mean()) for _, rows in folds) < 0.03
    same_seed, other = make_folds(4, x, y, seed=1), make_folds(4, x, y, seed=2)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, same_seed, strict=True))
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(folds, other, strict=True))


def test_folds_can_be_splitters_or_pairs_of_indices(data):
    x, y = data
    assert len(make_folds(KFold(3), x, y, 0)) == 3
    assert len(make_folds(ShuffleSplit(2, random_state=0), csr_array(x), None, 0)) == 2
    pairs = [([0, 1, 2], [3, 4])]
    assert make_folds(pairs, x, y, 0)[0][1].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("cv", "error", "message"),
    [
        (1, ValueError, r"cv: expected an integer >= 2, got 1"),
        (
            "five",
            TypeError,
            r"cv: expected a fold count, a splitter or pairs of row indices, got 'five'",
        ),
        (2.5, TypeError, r"cv: expected a fold count, a splitter or pairs of row indices, got 2.5"),
        ([([0, 1], [500])], ValueError, r"cv: expected rows from 0 to 119, got 500"),
        ([([0, 1], [])], ValueError, r"cv: expected arrays of row indices for training"),
        ([([0, 1],)], ValueError, r"cv: expected pairs of training and validation rows, got 1"),
    ],
)
def test_wrong_folds_are_refused(data, cv, error, message):
    with pytest.raises(error, match=message):
        make_folds(cv, *data, 0)


def test_the_rule_chooses_the_cheapest_within_one_standard_error_of_the_best():
    scores = np.array([[0.80, 0.82], [0.89, 0.91], [0.90, 0.92], [0.88, 0.90]])
    # The best is at 0.91 with a standard error of 0.01: 0.90 is within it, 0.89 is not.
    assert simplest_within_one_error(scores, [1, 3, 4, 2]) == (1, 2)
    assert simplest_within_one_error(scores, [1, 5, 4, 2]) == (2, 2)
    # With equal costs the better one wins; without spread, only scores equal to the best qualify.
    assert simplest_within_one_error(scores, [1, 1, 1, 1]) == (2, 2)
    assert simplest_within_one_error(np.array([[0.9], [0.9], [0.8]]), [2, 1, 0]) == (1, 0)


def test_accuracy_accepts_labels_probabilities_and_one_output():
    y = np.array([0, 1, 1, 0])
    assert accuracy(y, np.array([0, 1, 0, 0])) == 0.75
    assert accuracy(y, np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])) == 0.75
    assert accuracy(y, np.array([[0.1], [0.9], [0.6], [0.7]], np.float32)) == 0.75
    assert accuracy(np.array(["a", "b"]), np.array(["a", "a"])) == 0.5


def test_explained_variance_is_computed_over_all_outputs_together():
    y = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert explained_variance(y, y) == 1
    assert explained_variance(y, np.ones((2, 2)) * [1, 2]) == 0
    assert explained_variance(csr_array(y), y + 2) == -3
    assert explained_variance(np.ones(3), np.ones((3, 1))) == 1


def test_models_estimators_and_functions_are_compared_on_the_same_folds(data):
    x, y = data
    models = {
        "model": dense(),
        "function": dense,
        "estimator": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    result = gw.compare(models, x, y, cv=3, epochs=2, batch_size=16)
    assert result.scores.shape == (3, 3)
    assert result.measure == "accuracy"
    assert (result.fit_seconds > 0).all()
    assert result.rows == 120
    # A model and a function that returns the same model draw the same weights.
    np.testing.assert_array_equal(result.scores[0], result.scores[1])
    expected = [
        np.mean(LogisticRegression().fit(x[a], y[a]).predict(x[b]) == y[b])
        for a, b in make_folds(3, x, y, 0)
    ]
    np.testing.assert_allclose(result.scores[2], expected, atol=0.05)
    assert gw.compare({"model": dense()}, x, y, cv=3, epochs=2, batch_size=16).scores.tolist() == [
        result.scores[0].tolist()
    ]


def test_compare_leaves_the_models_unchanged(data):
    x, y = data
    model = dense()
    before = [each.copy() for each in model.get_weights()]
    gw.compare({"model": model}, x, y, cv=2, epochs=1)
    for was, is_now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, is_now)


def test_compare_does_not_change_the_seeds_of_later_models(data):
    gw.utils.set_random_seed(3)
    first = dense().get_weights()[0]
    gw.utils.set_random_seed(3)
    gw.compare({"model": dense}, *data, cv=2, epochs=1)
    np.testing.assert_array_equal(dense().get_weights()[0], first)


def test_autoencoders_are_compared_by_the_variance_they_explain(data):
    x = data[0]
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(4))
    sae.compile("adam")
    narrow = gw.SparseAutoencoder(2, activation=gw.TopK(1))
    narrow.compile("adam")
    result = gw.compare({"16": sae, "2": narrow}, x, cv=2, epochs=30)
    assert result.measure == "explained variance"
    assert result.best == "16"


def test_compare_accepts_numeric_targets_and_user_defined_scorings(data):
    x = data[0]
    result = gw.compare({"line": LinearRegression()}, x, x[:, :2] * 3 + 1, cv=2)
    assert result.means == pytest.approx([1.0])
    result = gw.compare({"line": LinearRegression()}, x, x[:, 0], cv=2, scoring=lambda y, p: -7.0)
    assert result.measure == "score"
    assert result.means == [-7.0]


def test_folds_select_rows_of_sparse_matrices(data):
    x, y = data
    matrix = csr_array(np.where(x > 0, x, 0))
    whole = gw.compare({"model": dense()}, matrix.toarray(), y, cv=2, epochs=1)
    for form in (matrix, matrix.tocoo()):
        result = gw.compare({"model": dense()}, form, y, cv=2, epochs=1)
        np.testing.assert_allclose(result.scores, whole.scores, atol=0.02)


def test_a_result_prints_its_scores_and_choice(data):
    result = gw.compare({"<a>": dense(), "b": dense(1)}, *data, cv=2, epochs=1)
    text = str(result)
    assert "accuracy" in text
    assert result.chosen in text
    assert result.reason in text
    assert "&lt;a&gt;" in result._repr_html_()


def test_wrong_candidates_are_refused_before_any_is_fitted(data):
    class Counting(LogisticRegression):
        fitted = 0

        def fit(self, x, y, sample_weight=None):
            type(self).fitted += 1
            return super().fit(x, y)

    uncompiled = gw.Sequential([gw.Input((5,)), gw.layers.Dense(2)])
    for wrong, error, message in (
        (uncompiled, ValueError, r"models\['wrong'\]: expected a compiled model"),
        ("dense", TypeError, r"models\['wrong'\]: expected a compiled model, an estimator, or"),
    ):
        with pytest.raises(error, match=message):
            gw.compare({"right": Counting(), "wrong": wrong}, *data)
    assert Counting.fitted == 0
    with pytest.raises(ValueError, match=r"models: expected at least one, got none"):
        gw.compare({}, *data)
    with pytest.raises(ValueError, match=r"y: expected 120 targets, one for each row, got 3"):
        gw.compare({"model": dense()}, data[0], data[1][:3])
    with pytest.raises(TypeError, match=r"x: expected an array or a sparse matrix, got list"):
        gw.compare({"model": dense()}, [[1.0] * 5] * 4, data[1][:4])


def test_choose_experts_chooses_the_cheapest_among_those_good_enough(data):
    x, y = data
    choice = gw.choose_experts(x, y, [1, 4], k=[1, 2], cv=3, epochs=60, batch_size=16)
    assert choice.pairs == ((1, 1), (4, 1), (4, 2))
    # d = 5, two classes: an expert has 12 parameters, the router 5 E.
    assert choice.result.costs == (12 + 5, 12 + 20, 24 + 20)
    # One linear expert cannot tell the sign of a product.
    assert choice.num_experts == 4
    assert choice.reason == choice.result.reason
    assert (choice.num_experts, choice.k) in choice.pairs
    assert "parameters a row" in str(choice)


def test_choose_experts_accepts_numeric_targets_and_user_defined_models(data):
    x = data[0]
    choice = gw.choose_experts(x, x[:, :3], [2], k=[1], cv=2, epochs=2, score="output_sum")
    assert choice.result.measure == "explained variance"

    def make(num_experts, k):
        model = gw.Sequential(
            [gw.SparseExpertLayer(4, num_experts=num_experts, k=k), gw.layers.Dense(2, "softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    choice = gw.choose_experts(*data, [2, 3], k=[1], cv=2, make_model=make, epochs=2)
    # An expert has 24 parameters, the router 5 E, the dense layer 10.
    assert choice.result.costs == (24 + 10 + 10, 24 + 15 + 10)


def test_wrong_expert_counts_are_refused(data):
    with pytest.raises(ValueError, match=r"k: expected a value <= one of num_experts \[2\]"):
        gw.choose_experts(*data, [2], k=[4])
    with pytest.raises(ValueError, match=r"num_experts: expected an integer >= 1, got 0"):
        gw.choose_experts(*data, [0], k=[0])
    with pytest.raises(TypeError, match=r"make_model: expected a Model, got str"):
        gw.choose_experts(*data, [2], k=[1], make_model=lambda e, k: "model")


def test_plots_show_every_model_and_mark_the_choice(data):
    result = gw.compare({"a": dense(), "b": dense(1)}, *data, cv=2, epochs=1)
    axes = gw.plots.comparison(result).axes[0]
    assert {"a", "b"} <= {text.get_text() for text in axes.texts}
    at = result.names.index(result.chosen)
    ring = axes.lines[-1]
    assert ring.get_xydata().tolist() == [[result.row_microseconds[at], result.means[at]]]

    choice = gw.choose_experts(*data, [1, 2, 4], k=[1, 2], cv=2, epochs=1)
    quality, time = gw.plots.expert_choice(choice).axes
    assert [text.get_text() for text in quality.get_legend().get_texts()] == ["k = 1", "k = 2"]
    for axes in (quality, time):
        assert axes.lines[-1].get_xdata() == [choice.num_experts]


def _peers_model(expert: Any, **settings: Any) -> gw.Model:
    symbol = gw.Input((6,))
    hidden = gw.layers.Dense(5, "relu")(symbol)
    layer = gw.SparseExpertLayer(
        2, num_experts=8, k=2, expert=expert, activation="softmax", **settings
    )
    model = gw.Model(symbol, layer(hidden))
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("expert", "settings"),
    [
        ("linear", {}),
        (gw.experts.MLP(16), {"shared_experts": 1}),
        (gw.experts.GLU(12), {}),
        (gw.experts.MLP(16), {"members": 3}),
    ],
)
def test_dense_peers_have_the_size_of_the_experts(expert: Any, settings: dict[str, Any]) -> None:
    model = _peers_model(expert, **settings)
    peers = with_dense_peers({"m": model}, 6, seed=0)
    assert list(peers) == ["m", "m, dense = active", "m, dense = total"]
    layer = model.layers[-1]
    for peer, size in zip(list(peers.values())[1:], parameters_of(layer), strict=True):
        dense = peer.layers[-1]
        assert (dense.num_experts, dense.shared_experts, list(dense.balance)) == (1, 0, [])
        hidden = dense.expert.hidden
        each = parameters_of(dense)[1] / hidden
        assert abs(parameters_of(dense)[1] - size) <= each
        assert peer.get_compile_config() == model.get_compile_config()
        assert dense.activation == layer.activation


def test_compare_with_dense_peers_trains_them_on_the_same_folds() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    models = {"m": _peers_model("linear"), "other": gw.SparseExpertModel(4, 6, 2, k=1)}
    models["other"].compile("adam", "sparse_categorical_crossentropy")
    result = gw.compare(models, x, y, cv=3, dense_peers=True, epochs=2)
    assert len(result.names) == 6
    assert result.names[3] == "other"
    mean, error = result.difference("m", "m, dense = total")
    paired = result.scores[0] - result.scores[2]
    assert mean == pytest.approx(paired.mean())
    assert error == pytest.approx(paired.std(ddof=1) / 3**0.5)
    with pytest.raises(KeyError, match="expected one of m, m, dense = active"):
        result.difference("m", "n")


def test_dense_peers_of_a_function_are_those_of_its_model() -> None:
    peers = with_dense_peers({"f": lambda: _peers_model(gw.experts.MLP(4)), "none": object()}, 6, 0)
    assert list(peers) == ["f", "f, dense = active", "f, dense = total", "none"]
    assert peers["f, dense = total"].layers[-1].num_experts == 1


def test_dense_peers_need_experts() -> None:
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(2)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="dense_peers: expected at least one model with a Sparse"):
        gw.compare({"a": model}, np.ones((6, 3)), np.ones((6, 2)), dense_peers=True)
