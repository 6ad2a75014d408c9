"""Sparse initialization: the nonzero counts, the masks, and that zeros are kept."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.compress import initialize_sparse

WIDTH, HIDDEN, CLASSES = 40, 24, 5


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, WIDTH)).astype(np.float32)
    return x, (x[:, :CLASSES].argmax(1)).astype(np.int32)


def dense_model(**settings):
    layers = [
        gw.Input(shape=(WIDTH,)),
        gw.layers.Dense(HIDDEN, "relu", name="hidden", **settings),
        gw.layers.Dense(CLASSES, "softmax", name="out", **settings),
    ]
    return compiled(gw.Sequential(layers))


def expert_model(router="all", **settings):
    layers = [
        gw.Input(shape=(WIDTH,)),
        gw.SparseExpertLayer(CLASSES, 4, router=router, activation="softmax", name="e", **settings),
    ]
    return compiled(gw.Sequential(layers))


def compiled(model):
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def kernels(model):
    """All kernels as (E, d, u)."""
    return [
        layer.native.get(each.name).reshape(-1, *each.shape[-2:])
        for layer in model.layers
        if layer.built
        for each in layer.parameters()
        if each.role == "kernel"
    ]


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(3)


@pytest.mark.parametrize("distribution", ["erdos_renyi", "uniform"])
@pytest.mark.parametrize("density", [0.05, 0.1, 1 / 3, 0.9, 1])
@pytest.mark.parametrize("make", [dense_model, expert_model])
def test_initialize_sparse_keeps_exactly_the_given_density(make, density, distribution):
    model = make()
    kept = initialize_sparse(model, density, distribution)
    found = kernels(model)
    assert sum(map(np.count_nonzero, found)) == round(density * sum(w.size for w in found))
    for share, w in zip(kept.values(), found, strict=True):
        assert share == pytest.approx(np.count_nonzero(w) / w.size)
        # Nonzero counts of experts differ by at most one, due to rounding.
        assert np.ptp(np.count_nonzero(w, axis=(1, 2))) <= 1


def test_erdos_renyi_densities_agree_with_the_formula():
    model = dense_model()
    kept = initialize_sparse(model, 0.1)
    ratios = np.array(
        [(WIDTH + HIDDEN) / (WIDTH * HIDDEN), (HIDDEN + CLASSES) / (HIDDEN * CLASSES)]
    )
    sizes = np.array([WIDTH * HIDDEN, HIDDEN * CLASSES])
    epsilon = 0.1 * sizes.sum() / (ratios * sizes).sum()
    np.testing.assert_allclose(list(kept.values()), epsilon * ratios, atol=1 / sizes.min())


def test_a_density_above_one_is_capped_and_its_excess_is_divided_among_the_others():
    model = dense_model()
    kept = initialize_sparse(model, 0.6)
    assert kept["out"] == 1
    sizes = WIDTH * HIDDEN, HIDDEN * CLASSES
    assert kept["hidden"] == pytest.approx((0.6 * sum(sizes) - sizes[1]) / sizes[0], abs=1e-3)


def test_uniform_gives_all_kernels_the_same_density():
    kept = initialize_sparse(dense_model(), 0.25, "uniform")
    assert kept == {"hidden": 0.25, "out": 0.25}


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("make", [dense_model, expert_model])
def test_rescaled_weights_keep_the_variance_of_sums(make, rescale):
    model = make()
    before = kernels(model)
    initialize_sparse(model, 0.2, rescale=rescale)
    for old, new in zip(before, kernels(model), strict=True):
        for expert, start in zip(new, old, strict=True):
            is_kept = expert != 0
            factor = np.float32((is_kept.size / is_kept.sum()) ** 0.5) if rescale else 1
            np.testing.assert_array_equal(expert[is_kept], start[is_kept] * factor)


def test_every_expert_has_its_own_mask():
    model = expert_model()
    initialize_sparse(model, 0.2)
    masks = (kernels(model)[0] != 0).reshape(4, -1)
    agreement = np.array([[(a & b).sum() / a.sum() for b in masks] for a in masks])
    # Two random choices of 40 from 200 weights share a fraction 0.2, standard deviation 0.06.
    assert agreement[~np.eye(4, dtype=bool)].max() < 0.45


def test_masks_depend_on_the_seed_or_else_on_the_seed_of_the_model():
    def masks(seed=None, model_seed=1):
        gw.utils.set_random_seed(model_seed)
        model = dense_model()
        initialize_sparse(model, 0.3, seed=seed)
        return kernels(model)[0] != 0

    np.testing.assert_array_equal(masks(), masks())
    np.testing.assert_array_equal(masks(7, 1), masks(7, 2))
    assert (masks(7) != masks(8)).any()
    assert (masks() != masks(model_seed=2)).any()


def test_biases_routers_and_other_layers_are_unchanged():
    model = expert_model("top_k")
    before = model.layers[-1].named_weights()
    initialize_sparse(model, 0.1)
    for name, after in model.layers[-1].named_weights().items():
        assert np.array_equal(after, before[name]) == (name != "kernel")
    chosen = dense_model()
    first, last = kernels(chosen)
    initialize_sparse(chosen, 0.5, layers=["hidden"])
    assert np.count_nonzero(kernels(chosen)[0]) == first.size // 2
    np.testing.assert_array_equal(kernels(chosen)[1], last)
    assert chosen.layers[-1].kernel_constraint is None
    layer = chosen.get_layer("out")
    initialize_sparse(layer, 0.5)
    initialize_sparse(chosen, 0.5, layers=[layer])
    assert np.count_nonzero(kernels(chosen)[1]) == last.size // 2


def test_kernels_initialized_to_zero_are_trained_inside_their_mask(data):
    model = dense_model(kernel_initializer="zeros")
    initialize_sparse(model, 0.5)
    assert sum(map(np.count_nonzero, kernels(model))) == 540
    linear = gw.Sequential([gw.layers.Dense(CLASSES, "softmax", kernel_initializer="zeros")])
    compiled(linear).build((None, WIDTH))
    initialize_sparse(linear, 0.5)
    linear.fit(*data, epochs=2, verbose=0)
    kernel = kernels(linear)[0]
    assert (np.abs(kernel[kernel != 0]) > 1e-6).all()


@pytest.mark.parametrize("make", [dense_model, expert_model])
def test_zeros_are_kept_in_training_and_files(make, data, tmp_path):
    model = make()
    initialize_sparse(model, 0.1)
    masks = [w != 0 for w in kernels(model)]
    model.fit(*data, epochs=3, verbose=0)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    for each in (model, loaded):
        each.fit(*data, epochs=3, verbose=0)
    for mask, ours, other in zip(masks, kernels(model), kernels(loaded), strict=True):
        np.testing.assert_array_equal(ours != 0, mask)
        np.testing.assert_array_equal(ours, other)


def test_experts_chosen_for_all_rows_sum_their_sparse_products(data):
    x, _ = data
    layer = gw.SparseExpertLayer(CLASSES, 4, router=gw.routers.All(shared_bias=True), seed=1)
    layer.build((None, WIDTH))
    initialize_sparse(layer, 0.1)
    weights = layer.named_weights()
    expected = sum(x @ w for w in weights["kernel"]) + weights["output_bias"]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", [dense_model, expert_model])
def test_the_summary_counts_nonzero_weights(make):
    model, shown = make(), []
    initialize_sparse(model, 0.1)
    model.summary(print_fn=shown.append)
    left = sum(np.count_nonzero(weight) for weight in model.get_weights())
    assert f"Non-zero: {left:,} of {model.count_params():,}" in shown[0]
    for layer in model.layers:
        nonzeros = sum(np.count_nonzero(weight) for weight in layer.get_weights())
        assert f"{nonzeros:,} of {layer.count_params():,}" in shown[0] or not layer.count_params()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"density": 0}, ValueError, "density: expected a number above 0, got 0"),
        ({"density": 1.5}, ValueError, r"density: expected a number in \[0, 1\], got 1.5"),
        ({"density": "a"}, TypeError, "density: expected a number"),
        ({"density": 0.001}, ValueError, "density: expected at least one weight in every kernel"),
        ({"distribution": "er"}, ValueError, "distribution: expected one of erdos_renyi, uniform"),
        ({"seed": -1}, ValueError, "seed: expected an integer >= 0, got -1"),
        ({"rescale": 1}, TypeError, "rescale: expected True or False, got 1"),
        ({"layers": "out"}, TypeError, "layers: expected a list of layers or of their names"),
        ({"layers": [3]}, TypeError, "layers: expected layers or names, got int"),
        ({"layers": ["none"]}, ValueError, "layers: expected some of hidden, out; got 'none'"),
        ({"layers": []}, ValueError, "model: expected Dense or SparseExpertLayer layers, got none"),
    ],
)
def test_wrong_arguments_are_refused_and_leave_the_model_unchanged(arguments, error, message):
    model = dense_model()
    before = kernels(model)
    with pytest.raises(error, match=message):
        initialize_sparse(model, **({"density": 0.1} | arguments))
    for old, new in zip(before, kernels(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.layers[-1].kernel_constraint is None


def test_models_without_trainable_kernels_are_refused():
    with pytest.raises(ValueError, match="expected a built layer"):
        initialize_sparse(gw.Sequential([gw.layers.Dense(2)]), 0.5)
    with pytest.raises(ValueError, match="compress: expected float32 weights, got layer 'e'"):
        initialize_sparse(expert_model().quantize("int8"), 0.5)
    plain = gw.Sequential([gw.Input(shape=(4,)), gw.layers.Activation("relu", name="bent")])
    with pytest.raises(ValueError, match="model: expected Dense or SparseExpertLayer layers"):
        initialize_sparse(plain, 0.5)
    with pytest.raises(ValueError, match=r"layers: expected Dense or .* got bent \(Activation\)"):
        initialize_sparse(plain, 0.5, layers=["bent"])
