"""Experts on a sparse code: encoders, fusion, training with the encoder, contributions."""

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.decomposition import PCA, TruncatedSVD

import gatewise as gw
from digits import load_digits
from gatewise import SparseCodeExperts

FUSIONS = ("concat", "gated_sum", "residual")


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def data():
    x = np.random.default_rng(0).normal(size=(120, 10)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def dictionary(x, latents=24, k=5, **options):
    sae = gw.SparseAutoencoder(latents, activation=gw.TopK(k), seed=0, **options)
    sae.compile(gw.optimizers.Adam(0.01))
    sae.fit(x, epochs=5, verbose=0)
    return sae


def stack(x):
    sae = gw.SparseAutoencoder(6, hidden=(8,), seed=0)
    sae.compile("adam")
    sae.fit(x, epochs=2, verbose=0)
    return sae


def fitted(encoder, data, epochs=3, **options):
    model = SparseCodeExperts(encoder, 2, units=7, num_experts=4, activation="softmax", **options)
    model.compile(gw.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*data, epochs=epochs, verbose=0)
    return model


def before_activation(model, x):
    """Pre-activations up to one constant per row: the logarithms of predictions."""
    return np.log(model.predict(x).astype(np.float64))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_output_agrees_with_the_formula(data, fusion):
    x = data[0]
    sae = dictionary(x)
    model = fitted(sae, data, fusion=fusion)
    z = sae.encode(x).toarray().astype(np.float64)
    layers = {each.name: each for each in model.model.layers}
    experts = {n: v.astype(np.float64) for n, v in layers["code_experts"].named_weights().items()}
    outputs = np.einsum("nm,emu->neu", z, experts["kernel"]) + experts["bias"]
    chosen, shares = layers["code_experts"].routing(sae.encode(x))
    e = (shares[:, :, None] * np.take_along_axis(outputs, chosen[:, :, None], 1)).sum(axis=1)
    r = layers["raw_projection"](x) if "raw_projection" in layers else x
    if fusion == "concat":
        fused = np.concatenate([e, x], axis=1)
    elif fusion == "residual":
        fused = e + r
    else:
        g = layers["fusion_gate"](x)
        fused = g * e + (1 - g) * r
    kernel, bias = layers["output"].get_weights()
    y = np.exp(fused @ kernel + bias)
    np.testing.assert_allclose(
        model.predict(x), y / y.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["dictionary", "stack", "pca", "svd of CSR"])
def test_every_kind_of_encoder_works(data, kind):
    x, y = data
    if kind == "svd of CSR":
        x = csr_array(np.where(x > 0.5, x, 0))
    made = {"dictionary": dictionary, "stack": stack, "pca": lambda x: PCA(5)}
    encoder = made.get(kind, lambda x: TruncatedSVD(5, random_state=0))(x)
    model = fitted(encoder, (x, y))
    codes = model.encode(x)
    assert issparse(codes)
    assert codes.shape[0] == 120
    assert model.predict(x).shape == (120, 2)
    assert set(model.evaluate(x, y, verbose=0, return_dict=True)) == {"loss", "accuracy"}


def test_codes_are_read_as_csr_and_inactive_experts_are_not_read(data):
    x = data[0]
    sae = dictionary(x)
    model = fitted(sae, data, balance=None, k=1)
    row = x[:1]
    clean = model.predict(row)
    layer = model.expert_layer
    inactive = np.setdiff1d(np.arange(4), layer.routing(sae.encode(row))[0])
    weights = layer.named_weights()
    weights["kernel"][inactive] = np.nan
    # Nor are the weight rows of features that are not in the code.
    absent = np.setdiff1d(np.arange(24), sae.encode(row).indices)
    weights["kernel"][:, absent] = np.nan
    weights["router_kernel"][absent] = 7
    layer.set_weights(list(weights.values()))
    np.testing.assert_array_equal(model.predict(row), clean)


def test_a_frozen_encoder_is_unchanged_and_a_trained_one_changes(data):
    x = data[0]
    for make in (dictionary, stack):
        for training in ("frozen", "fine_tuned", "joint"):
            sae = make(x)
            weights = sae.get_weights()
            model = fitted(sae, data, training=training)
            before = sae.encode(x).toarray()
            after = model.encode(x).toarray()
            assert np.allclose(after, before) == (training == "frozen" or make is stack)
            if make is stack:  # the model uses the stack's own layers
                same = all(
                    np.array_equal(a, b) for a, b in zip(weights, sae.get_weights(), strict=True)
                )
                assert same == (training == "frozen")


@pytest.mark.parametrize("make", [dictionary, stack])
@pytest.mark.parametrize("training", ["fine_tuned", "joint"])
def test_a_trained_encoder_starts_as_a_copy_of_the_given_one(data, make, training):
    x = data[0]
    sae = make(x)
    expected = sae.encode(x).toarray()
    model = SparseCodeExperts(sae, 2, training=training)
    model.build(x)
    np.testing.assert_allclose(model.encode(x).toarray(), expected, rtol=1e-4, atol=1e-5)
    if training == "joint":
        np.testing.assert_allclose(
            model.model.predict(x, verbose=0)[1], sae.predict(x, verbose=0), rtol=1e-3, atol=1e-4
        )


def test_joint_training_keeps_the_reconstruction(data):
    x = data[0]
    errors = {}
    for training in ("fine_tuned", "joint"):
        gw.utils.set_random_seed(0)
        model = fitted(dictionary(x), data, training=training, epochs=30, reconstruction_weight=5.0)
        sae = dictionary(x)
        made = model.encode(x).toarray() @ sae.layers[0].named_weights()["decoder"]
        if training == "joint":
            made = model.model.predict(x, verbose=0)[1]
        errors[training] = np.mean((made - x) ** 2)
    assert errors["joint"] < 0.7 * errors["fine_tuned"]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("sparse", [False, True])
def test_contributions_of_linear_experts_are_exact(data, fusion, sparse):
    x, y = data
    encoder = dictionary(x) if not sparse else TruncatedSVD(6, random_state=0)
    if sparse:
        x = csr_array(np.where(x > 0.3, x, 0))
    model = fitted(encoder, (x, y), fusion=fusion)
    parts = [model.contributions(x, output) for output in (0, 1)]
    codes = model.encode(x)
    for part in parts:
        np.testing.assert_array_equal(part.values.indices, codes.indices)
        np.testing.assert_allclose(part.base + part.values.sum(axis=1), part.output, atol=1e-5)
        assert np.abs(part.completeness_error).max() < 1e-5
    logs = before_activation(model, x)
    difference = parts[0].output - parts[1].output
    np.testing.assert_allclose(difference, logs[:, 0] - logs[:, 1], atol=1e-4)


def test_a_contribution_is_the_change_of_output_with_the_chosen_experts_fixed(data):
    """With all experts at equal weights, omitting a feature removes its contribution."""
    x = data[0]
    sae = dictionary(x)
    model = fitted(sae, data, k=4, balance=None)
    layer = model.expert_layer
    weights = layer.named_weights()
    weights["router_kernel"][:] = 0
    layer.set_weights(list(weights.values()))
    parts = model.contributions(x[:5], 1)
    codes = sae.encode(x[:5]).toarray()
    from gatewise.code_experts.model import _without_dropout_and_losses

    plain = _without_dropout_and_losses(model.model)
    for row in range(5):
        for feature in np.flatnonzero(codes[row]):
            less = codes[[row]].copy()
            less[0, feature] = 0
            left = plain.predict([csr_array(less), x[[row]]], verbose=0)[0, 1]
            assert parts.output[row] - left == pytest.approx(parts.values[row, feature], abs=2e-5)


def test_contributions_of_nonlinear_experts_are_integrated_gradients(data):
    x = data[0]
    model = fitted(dictionary(x), data, expert=gw.experts.MLP(6, "tanh"), k=4, balance=None)
    parts = model.contributions(x[:20], 0)
    # All experts are chosen for all rows: the function is smooth and 64 points suffice.
    assert np.abs(parts.completeness_error).max() < 1e-3
    np.testing.assert_allclose(
        parts.base + parts.values.sum(axis=1) - parts.output, parts.completeness_error, atol=1e-12
    )
    assert np.abs(parts.values).max() > 0.01
    jumping = fitted(dictionary(x), data, expert=gw.experts.MLP(6), k=1)
    assert np.isfinite(jumping.contributions(x[:20], 0).completeness_error).all()


def test_input_gradients_agree_with_finite_differences(data):
    from gatewise import _core

    x = data[0][:6]
    a, b = gw.Input((10,)), gw.Input((10,))
    h = gw.layers.Dense(5, "tanh")(gw.layers.Subtract()([a, gw.layers.Multiply()([a, b])]))
    model = gw.Model([a, b], gw.layers.Dense(3, "softmax")(h))
    inputs = [x, x[::-1].copy()]
    found = _core.input_gradients(model._training.require_network(), inputs, 2)
    for at in range(2):
        for column in range(10):
            moved = [[each.copy() for each in inputs] for _ in range(2)]
            moved[0][at][:, column] += 1e-2
            moved[1][at][:, column] -= 1e-2
            y = [model.predict(each, verbose=0)[:, 2].astype(np.float64) for each in moved]
            # Float32 outputs over a step of 2e-2.
            np.testing.assert_allclose(found[at][:, column], (y[0] - y[1]) / 2e-2, atol=2e-4)


def test_encode_patches_keeps_the_positions_of_patches():
    images = np.random.default_rng(0).random((4, 6, 9)).astype(np.float32)
    sae = gw.SparseAutoencoder(7, activation=gw.TopK(3), input_dim=6, seed=0)
    made = gw.encode_patches(sae, images, patch=(2, 3))
    assert made.shape == (4, 3, 3, 7)
    for n, i, j in np.ndindex(4, 3, 3):
        patch = images[n, 2 * i : 2 * i + 2, 3 * j : 3 * j + 3].reshape(1, -1)
        np.testing.assert_array_equal(made.toarray()[n, i, j], sae.encode(patch).toarray()[0])
    np.testing.assert_array_equal(made.rows().toarray(), made.toarray().reshape(4, -1))
    overlapping = gw.encode_patches(sae, images, patch=(2, 3), stride=(1, 2))
    assert overlapping.shape == (4, 5, 4, 7)
    colours = np.random.default_rng(0).random((2, 4, 4, 3)).astype(np.float32)
    coloured = gw.SparseAutoencoder(7, activation=gw.TopK(3), input_dim=12, seed=0)
    assert gw.encode_patches(coloured, colours, 2).shape == (2, 2, 2, 7)


@pytest.mark.parametrize("expert", [gw.experts.Conv1D(5), gw.experts.Conv2D(5, pooling="none")])
def test_convolutions_read_the_map_of_a_patch_encoder(expert):
    rng = np.random.default_rng(0)
    x = rng.random((60, 36)).astype(np.float32)
    y = (x[:, :18].sum(axis=1) > x[:, 18:].sum(axis=1)).astype(np.int64)
    sae = gw.SparseAutoencoder(8, activation=gw.TopK(3), input_dim=4, seed=0)
    encoder = gw.PatchEncoder(sae, (6, 6), 2)
    model = fitted(encoder, (x, y), expert=expert, epochs=2)
    assert model.expert_layer.input_shape == (None, 9 * 8)
    parts = model.contributions(x[:3], 0)
    assert parts.values.shape == (3, 72)
    with pytest.raises(ValueError, match=r"map_shape: expected the shape of the map in each row"):
        fitted(PCA(3), (x, y), expert=gw.experts.Conv2D(4))


def test_results_have_the_same_bits_for_any_thread_count(data):
    results = []
    for threads in (1, 2):
        gw.set_num_threads(threads)
        gw.utils.set_random_seed(0)
        results.append(fitted(dictionary(data[0]), data).predict(data[0]))
    gw.set_num_threads(None)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"encoder": 3}, TypeError, r"encoder: expected an object with encode or transform"),
        ({"fusion": "sum"}, ValueError, r"fusion: expected one of concat, .*, got 'sum'"),
        ({"training": "all"}, ValueError, r"training: expected one of frozen, .*, got 'all'"),
        ({"output_dim": 0}, ValueError, r"output_dim: expected an integer >= 1, got 0"),
        ({"dropout": 2}, ValueError, r"dropout: expected a number in \[0, 1\], got 2"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        SparseCodeExperts(**{"encoder": PCA(2), "output_dim": 2} | arguments)


def test_calls_in_the_wrong_state_are_refused(data):
    x, y = data
    model = SparseCodeExperts(PCA(3), 2)
    with pytest.raises(ValueError, match=r"expected a compiled model; call compile first"):
        model.fit(x, y)
    with pytest.raises(AttributeError, match=r"expected a built model; call fit or build first"):
        model.predict(x)
    learning = SparseCodeExperts(PCA(3).fit(x), 2, training="joint")
    learning.compile("adam", "mse")
    with pytest.raises(TypeError, match=r"training: expected 'frozen' for an encoder that is"):
        learning.fit(x, y)
    done = fitted(dictionary(x), data)
    with pytest.raises(ValueError, match=r"output: expected an index from 0 to 1, got 2"):
        done.contributions(x, 2)


def held_out_accuracy(make_encoder, epochs, **options):
    accuracies = []
    for seed in range(3):
        x, y, x_test, y_test = load_digits(seed)
        gw.utils.set_random_seed(seed)
        encoder = make_encoder(x, seed)
        model = SparseCodeExperts(encoder, 10, num_experts=4, activation="softmax", **options)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=epochs, verbose=0)
        accuracies.append(np.mean(model.predict(x_test).argmax(axis=1) == y_test))
    return np.mean(accuracies)


@pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")
def test_experts_on_a_code_learn_digits():
    def make_encoder(x, seed):
        sae = gw.SparseAutoencoder(1024, activation=gw.TopK(32), seed=seed)
        sae.compile(gw.optimizers.Adam(2e-3))
        sae.fit(x, batch_size=64, epochs=20, verbose=0)
        return sae

    expert = gw.experts.MLP(128)
    assert held_out_accuracy(make_encoder, 8, expert=expert, fusion="gated_sum") >= 0.93


def test_convolutions_of_a_code_map_learn_digits():
    def make_encoder(x, seed):
        sae = gw.SparseAutoencoder(64, activation=gw.TopK(4), seed=seed)
        encoder = gw.PatchEncoder(sae, (28, 28), 7)
        sae.compile(gw.optimizers.Adam(2e-3))
        sae.fit(encoder.patches(x), batch_size=256, epochs=4, verbose=0)
        return encoder

    expert = gw.experts.Conv2D(64, pooling="none")
    assert held_out_accuracy(make_encoder, 6, expert=expert) >= 0.93


@pytest.mark.parametrize("training", ["frozen", "joint"])
def test_a_loaded_model_keeps_loss_and_metrics_when_its_settings_change(data, training, tmp_path):
    model = fitted(dictionary(data[0]), data, training=training)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    loaded.set_params(dropout=0.1)
    history = loaded.fit(*data, epochs=1, verbose=0).history
    assert set(history) == set(model.fit(*data, epochs=1, verbose=0).history)
