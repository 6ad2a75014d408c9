"""The centre and scale of an autoencoder belong to its weights and come from training rows only."""

import numpy as np
import pytest

import gatewise as gw

pytestmark = pytest.mark.filterwarnings("ignore::gatewise.DeadUnitsWarning")

WIDTH = 8
FIT = {"batch_size": 32, "verbose": 0}


def rows(count: int, shift: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, WIDTH)) * 2 + shift).astype(np.float32)


X = rows(128, 3.0, 0)
SHIFTED = rows(128, 23.0, 1)


def make(kind: str) -> gw.SparseAutoencoder:
    gw.utils.set_random_seed(0)
    if kind == "dictionary":
        sae = gw.SparseAutoencoder(16, activation=gw.TopK(4), seed=0)
    else:
        sae = gw.SparseAutoencoder(6, hidden=(12,), activation=gw.ReLU(0.01), seed=0)
    sae.compile(gw.optimizers.Adam(1e-3))
    return sae


def standardization(sae: gw.SparseAutoencoder) -> list[np.ndarray]:
    """The centres and scales of all layers that have them."""
    return [
        layer.native.get(name)
        for layer in sae.layers
        for name in ("center", "scale")
        if any(parameter.name == name for parameter in layer.parameters())
    ]


@pytest.fixture(params=["dictionary", "stack"])
def fitted(request) -> tuple[str, gw.SparseAutoencoder]:
    sae = make(request.param)
    sae.fit(X, epochs=20, **FIT)
    return request.param, sae


@pytest.mark.parametrize("way", ["load_weights", "set_weights", "layers", "train_on_batch"])
def test_a_later_fit_keeps_the_standardization_of_weights_that_were_set(fitted, way, tmp_path):
    kind, sae = fitted
    new = make(kind)
    if way == "train_on_batch":
        new.train_on_batch(X)
    else:
        new.build((None, WIDTH))
    if way == "load_weights":
        sae.save_weights(tmp_path / "weights")
        new.load_weights(tmp_path / "weights")
    elif way == "set_weights":
        new.set_weights(sae.get_weights())
    elif way == "layers":
        for layer, trained in zip(new.layers, sae.layers, strict=True):
            layer.set_weights(trained.get_weights())
    before = standardization(new)
    loss = new.evaluate(X, verbose=0)
    new.compile(gw.optimizers.SGD(0.0))
    new.fit(SHIFTED, **FIT)
    for old, now in zip(before, standardization(new), strict=True):
        np.testing.assert_array_equal(old, now)
    assert new.evaluate(X, verbose=0) == pytest.approx(loss, rel=1e-5)


def test_standardize_computes_centre_and_scale_again(fitted):
    kind, sae = fitted
    other = make(kind)
    other.fit(SHIFTED, **FIT)
    sae.standardize(SHIFTED)
    for now, expected in zip(standardization(sae), standardization(other), strict=True):
        np.testing.assert_array_equal(now, expected)


@pytest.mark.parametrize("kind", ["dictionary", "stack"])
def test_a_copy_of_an_unfitted_autoencoder_is_standardized_by_its_first_fit(kind, tmp_path):
    sae = make(kind)
    sae.build((None, WIDTH))
    sae.save(tmp_path / "sae.gatewise")
    copy = gw.load_model(tmp_path / "sae.gatewise")
    copy.fit(X, **FIT)
    sae.fit(X, **FIT)
    for now, expected in zip(standardization(copy), standardization(sae), strict=True):
        np.testing.assert_array_equal(now, expected)


@pytest.mark.parametrize("positional", [False, True])
@pytest.mark.parametrize("kind", ["dictionary", "stack"])
def test_held_out_rows_do_not_take_part_in_the_standardization(kind, positional):
    x = np.concatenate([X, X[:32] + 1000])
    sae, alone = make(kind), make(kind)
    if positional:
        sae.fit(x, None, 32, 2, 0, None, 0.2)
    else:
        sae.fit(x, epochs=2, validation_split=0.2, **FIT)
    alone.fit(X, epochs=2, **FIT)
    for now, expected in zip(sae.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(now, expected)


def test_held_out_rows_do_not_take_part_in_the_encoder_of_code_experts():
    from sklearn.decomposition import PCA

    x, y = np.concatenate([X, X[:32] + 1000]), np.arange(160) % 3
    model = gw.SparseCodeExperts(PCA(3), 3, activation="softmax")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, validation_split=0.2, **FIT)
    np.testing.assert_allclose(model.encoder.mean_, X.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_rows_have_a_scale_of_1(weighted: bool) -> None:
    rows = np.tile(np.random.default_rng(0).normal(size=8).astype(np.float32), (600, 1))
    weights = np.random.default_rng(1).random(600) if weighted else None
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(2), seed=0)
    sae.compile()
    sae.fit(rows, sample_weight=weights, epochs=1, verbose=0)
    assert np.array_equal(sae.dictionary.native.get("center"), rows[0])
    assert sae.dictionary.native.get("scale")[0] == 1


def test_training_rows_without_a_weight_are_refused() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32)
    weights = np.repeat([0.0, 1.0], 10)
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(2), seed=0)
    sae.compile()
    with pytest.raises(ValueError, match=r"sample_weight: expected a weight above 0 among the tra"):
        sae.fit(rows, sample_weight=weights, validation_split=0.5, epochs=1, verbose=0)
