"""Importance of weights and units: each method agrees with its formula in NumPy."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import gatewise as gw
from gatewise.decompose import importance


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    return rng.normal(size=(30, 5)).astype(np.float32), rng.normal(size=(30, 2)).astype(np.float32)


@pytest.fixture
def model():
    model = gw.Sequential(
        [
            gw.Input((5,)),
            gw.layers.Dense(4, "tanh", name="hidden"),
            gw.layers.Dense(2, name="out"),
        ]
    )
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=each.shape) for each in model.get_weights()])
    model.compile("adam", "mse")
    return model


def gradients(model, x, y):
    """Each row's gradient of the loss with respect to U, c, V, b, float64, (n, ...) each."""
    u, c, v, b = (each.astype(np.float64) for each in model.get_weights())
    h = np.tanh(x @ u + c)
    d_y = 2 * (h @ v + b - y) / y.shape[1]
    d_a = d_y @ v.T * (1 - h**2)
    return (
        x[:, :, None] * d_a[:, None, :],
        d_a,
        h[:, :, None] * d_y[:, None, :],
        d_y,
        h,
    )


def test_magnitude_scores_weights_by_size_and_units_by_both_sides(model):
    u, _, v, _ = model.get_weights()
    found = importance(model, method="magnitude")
    np.testing.assert_allclose(found.weights["hidden"], np.abs(u))
    np.testing.assert_allclose(found.weights["out"], np.abs(v))
    expected = np.linalg.norm(u, axis=0) * np.linalg.norm(v, axis=1)
    np.testing.assert_allclose(found.units["hidden"], expected, rtol=1e-6)
    assert list(found.units) == ["hidden"]


# Gradients are float32 sums.
TOLERANCE = {"rtol": 2e-4, "atol": 1e-6}


def test_taylor_is_weight_times_mean_gradient(model, rows):
    x, y = rows
    u, c, v, _ = (each.astype(np.float64) for each in model.get_weights())
    d_u, d_c, d_v, _, _ = gradients(model, x, y)
    found = importance(model, x, y, "taylor")
    np.testing.assert_allclose(found.weights["hidden"], np.abs(u * d_u.mean(axis=0)), **TOLERANCE)
    np.testing.assert_allclose(found.weights["out"], np.abs(v * d_v.mean(axis=0)), **TOLERANCE)
    units = np.abs((u * d_u.mean(axis=0)).sum(axis=0) + c * d_c.mean(axis=0))
    np.testing.assert_allclose(found.units["hidden"], units, **TOLERANCE)


def test_fisher_is_squared_weight_times_mean_squared_gradient(model, rows):
    x, y = rows
    u, c, v, _ = (each.astype(np.float64) for each in model.get_weights())
    d_u, d_c, d_v, _, _ = gradients(model, x, y)
    found = importance(model, x, y, "fisher")
    hidden = u**2 * (d_u**2).mean(axis=0) / 2
    np.testing.assert_allclose(found.weights["hidden"], hidden, **TOLERANCE)
    out = v**2 * (d_v**2).mean(axis=0) / 2
    np.testing.assert_allclose(found.weights["out"], out, **TOLERANCE)
    units = hidden.sum(axis=0) + c**2 * (d_c**2).mean(axis=0) / 2
    np.testing.assert_allclose(found.units["hidden"], units, **TOLERANCE)


def test_activation_is_weight_times_the_norm_of_its_input(model, rows):
    x, y = rows
    u, _, v, _ = model.get_weights()
    h = gradients(model, x, y)[-1]
    for form in (x, csr_array(x)):
        found = importance(model, form, method="activation")
        scale = np.sqrt((x**2).mean(axis=0))[:, None]
        np.testing.assert_allclose(found.weights["hidden"], np.abs(u) * scale, rtol=1e-5)
        scale = np.sqrt((h**2).mean(axis=0))[:, None]
        np.testing.assert_allclose(found.weights["out"], np.abs(v) * scale, rtol=1e-5)
        units = np.abs(h).mean(axis=0) * np.linalg.norm(v, axis=1)
        np.testing.assert_allclose(found.units["hidden"], units, rtol=1e-5)


def test_taylor_predicts_the_weight_whose_removal_changes_the_loss_most(model, rows):
    """To first order: removing the small weight of highest score changes the loss most."""
    x, y = rows
    model.set_weights([each * (0.02 if each.ndim == 2 else 1) for each in model.get_weights()])
    found = importance(model, x, y, "taylor")
    before = model.evaluate(x, y, verbose=0)
    changes = np.zeros((4, 2))
    for index in np.ndindex(4, 2):
        weights = model.get_weights()
        kept = weights[2].copy()
        weights[2][index] = 0
        model.set_weights(weights)
        changes[index] = abs(model.evaluate(x, y, verbose=0) - before)
        weights[2] = kept
        model.set_weights(weights)
    assert changes.argmax() == found.weights["out"].argmax()


def test_ranks_and_masks_have_exact_counts(model):
    found = importance(model, method="magnitude")
    ranks = found.ranks()
    all_ranks = np.concatenate([each.ravel() for each in ranks.values()])
    assert sorted(all_ranks) == list(range(28))
    flat = np.concatenate([each.ravel() for each in found.weights.values()])
    assert np.all(np.diff(flat[np.argsort(all_ranks)]) <= 0)
    assert sorted(found.ranks("layer")["hidden"].ravel()) == list(range(20))
    masks = found.masks(0.25)
    assert sum(mask.sum() for mask in masks.values()) == 7
    assert {name: mask.sum() for name, mask in found.masks(0.5, "layer").items()} == {
        "hidden": 10,
        "out": 4,
    }
    min_kept = min(found.weights[name][mask].min() for name, mask in masks.items() if mask.any())
    assert all((found.weights[name][~mask] <= min_kept).all() for name, mask in masks.items())


def test_equal_scores_are_ranked_by_index():
    model = gw.Sequential([gw.Input((3,)), gw.layers.Dense(2, kernel_initializer="ones")])
    name = model.layers[0].name
    found = importance(model, method="magnitude")
    assert found.ranks()[name].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_experts_are_ranked_and_routers_are_not(rows):
    x, y = rows
    layer = gw.SparseExpertLayer(2, num_experts=3, expert=gw.experts.MLP(4), name="experts")
    model = gw.Sequential([gw.Input((5,)), layer])
    model.compile("adam", "mse")
    found = importance(model, x, y)
    assert {name: each.shape for name, each in found.weights.items()} == {
        "experts/kernel_in": (3, 5, 4),
        "experts/kernel_out": (3, 4, 2),
    }
    with pytest.raises(
        ValueError, match=r"model: .* for method 'activation', got experts/kernel_o"
    ):
        importance(model, x, method="activation")


def test_ranking_leaves_the_model_unchanged(model, rows):
    before = model.get_weights()
    for method in ("magnitude", "taylor", "fisher", "activation"):
        importance(model, *rows, method=method)
    for was, is_now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, is_now)


def test_missing_data_or_settings_are_refused(model, rows):
    x, y = rows
    with pytest.raises(ValueError, match=r"method: expected one of magnitude, .*, got 'size'"):
        importance(model, x, y, "size")
    with pytest.raises(ValueError, match=r"x: expected rows for method 'taylor', got none"):
        importance(model)
    with pytest.raises(ValueError, match=r"y: expected targets for method 'fisher', got none"):
        importance(model, x, method="fisher")
    with pytest.raises(ValueError, match=r"scope: expected 'global' or 'layer', got 'unit'"):
        importance(model, method="magnitude").ranks("unit")
    symbol = gw.Input((5,))
    graph = gw.Model(symbol, gw.layers.Dense(2)(symbol))
    with pytest.raises(ValueError, match=r"model: expected a compiled model"):
        importance(graph, x, y)
    with pytest.raises(ValueError, match=r"model: expected a Sequential for method 'activation'"):
        importance(graph, x, method="activation")
