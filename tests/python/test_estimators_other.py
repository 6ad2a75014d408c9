"""The sparse autoencoder as a transformer, and models as a classifier and a regressor."""

import threading
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import gatewise as gw

RNG = np.random.default_rng(0)
ROWS = 120
X = RNG.normal(size=(ROWS, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
NAMES = np.array(["no", "yes"])[LABELS]
THREE = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
VALUES = X @ [2.0, -1.0, 0.5, 0.0]
FLAGS = np.stack([LABELS, X[:, 2] > 0], axis=1).astype(int)
# Sums of a few of eight directions.
SUMS = (RNG.random((200, 8)) * (RNG.random((200, 8)) < 0.3)) @ RNG.normal(size=(8, 10))

SPARSE_CE, BINARY_CE = "sparse_categorical_crossentropy", "binary_crossentropy"


def coder(**settings: Any) -> gw.SparseAutoencoderTransformer:
    given = {"latents": 16, "activation": gw.TopK(4), "max_iter": 20, "random_state": 0}
    return gw.SparseAutoencoderTransformer(**{**given, **settings})


def network(outputs: int, activation: Any, loss: Any, inputs: int | None = 4) -> gw.Sequential:
    model = gw.Sequential([gw.layers.Dense(8, "relu"), gw.layers.Dense(outputs, activation)])
    if inputs:
        model.build((None, inputs))
    model.compile(gw.optimizers.Adam(0.02), loss)
    return model


def classifier(model: Any, **settings: Any) -> gw.estimators.ModelClassifier:
    return gw.estimators.ModelClassifier(model, **{"epochs": 20, "random_state": 0, **settings})


def regressor(model: Any, **settings: Any) -> gw.estimators.ModelRegressor:
    return gw.estimators.ModelRegressor(model, **{"epochs": 20, "random_state": 0, **settings})


def test_rows_become_sparse_codes_and_come_back() -> None:
    model = coder(max_iter=100).fit(SUMS)
    codes = model.transform(SUMS)
    assert sparse.issparse(codes) and codes.format == "csr"
    assert codes.shape == (200, 16)
    assert np.diff(codes.indptr).max() <= 4
    assert model.components_.shape == (16, 10)
    rows = model.inverse_transform(codes)
    assert np.sum((rows - SUMS) ** 2) < 0.1 * np.sum((SUMS - SUMS.mean(axis=0)) ** 2)
    assert_array_equal(model.inverse_transform(codes.toarray()), rows)
    with pytest.raises(ValueError, match=r"codes: expected shape \(n, 16\)"):
        model.inverse_transform(codes[:, :3])


def test_codes_keep_the_type_of_rows() -> None:
    model = coder().fit(SUMS)
    for dtype in (np.float32, np.float64):
        codes = model.transform(SUMS.astype(dtype))
        assert codes.dtype == model.inverse_transform(codes).dtype == dtype


def test_sparse_rows_give_the_codes_of_dense_ones() -> None:
    model = coder().fit(SUMS)
    expected = model.transform(SUMS).toarray()
    rows = sparse.csr_array(SUMS)
    for fitted in (model, coder().fit(rows), coder().fit(rows.tocsc())):
        for x in (rows, rows.tocsc(), rows.tocoo()):
            assert_allclose(fitted.transform(x).toarray(), expected, atol=1e-5)


def test_codes_can_be_data_frames() -> None:
    table = pd.DataFrame(SUMS, index=range(7, 207), columns=list("abcdefghij"))
    model = coder(sparse_output=False).set_output(transform="pandas")
    codes = model.fit_transform(table)
    assert codes.index.equals(table.index)
    assert codes.columns.tolist() == model.get_feature_names_out().tolist()
    assert codes.columns[3] == "sparseautoencodertransformer3"
    assert_array_equal(codes.to_numpy(), coder().fit(SUMS).transform(SUMS).toarray())
    assert_allclose(model.inverse_transform(codes), model.inverse_transform(codes.to_numpy()))
    assert isinstance(model.set_output(transform="polars").transform(table), pl.DataFrame)
    with pytest.raises(ValueError, match="names should match"):
        model.transform(table[table.columns[::-1]])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_sparse_codes_cannot_be_data_frames(kind: str) -> None:
    with pytest.raises(ValueError, match="dense array"):
        coder(sparse_output=True).set_output(transform=kind).fit_transform(SUMS)


def test_rows_without_numbers_are_refused() -> None:
    for wrong in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            coder().fit(np.where(SUMS > 1, wrong, SUMS))
    with pytest.raises(ValueError, match="sample_weight"):
        coder().fit(SUMS, sample_weight=np.zeros(200))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latents", 0),
        ("latents", "many"),
        ("activation", "none"),
        ("max_iter", 0),
        ("max_iter", "many"),
        ("batch_size", 0),
        ("batch_size", "auto"),
        ("learning_rate", -1),
        ("learning_rate", "fast"),
        ("learning_rate", None),
        ("n_jobs", 0),
    ],
)
def test_wrong_settings_of_the_transformer_are_named(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
        coder(**{name: value}).fit(SUMS)


def test_a_given_model_is_copied_and_stays_as_it_is() -> None:
    given = network(3, "softmax", SPARSE_CE)
    before = given.get_weights()
    model = classifier(given).fit(X, THREE)
    for weight, old in zip(given.get_weights(), before, strict=True):
        assert_array_equal(weight, old)
    assert model.model_ is not given
    assert model.score(X, THREE) > 0.8
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert_array_equal(model.decision_function(X), np.log(model.predict_proba(X)))
    again = classifier(network(3, "softmax", SPARSE_CE)).fit(X, THREE)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert model.n_iter_ == len(model.history_["loss"]) == 20


@pytest.mark.parametrize("y", [NAMES, LABELS > 0, LABELS + 4, pd.Series(NAMES, dtype="category")])
def test_one_sigmoid_is_the_probability_of_the_second_class(y: Any) -> None:
    model = classifier(network(1, "sigmoid", BINARY_CE)).fit(X, y)
    probability = model.model_.predict(X.astype(np.float32), verbose=0)[:, 0]
    assert_allclose(model.predict_proba(X), np.stack([1 - probability, probability], axis=1))
    assert_array_equal(model.predict(X), model.classes_[(probability > 0.5).astype(int)])
    assert_array_equal(model.predict(X) == model.classes_[1], model.decision_function(X) > 0)
    assert model.score(X, y) > 0.9


def test_several_sigmoids_are_flags() -> None:
    for y in (FLAGS, sparse.csr_array(FLAGS)):
        model = classifier(network(2, "sigmoid", BINARY_CE)).fit(X, y)
        assert np.mean(model.predict(X) == FLAGS) > 0.9
        assert model.predict_proba(X).shape == model.decision_function(X).shape == (ROWS, 2)


def test_a_regressor_predicts_one_or_several_values() -> None:
    model = regressor(network(1, None, "mse"), epochs=60).fit(X, VALUES)
    assert model.predict(X).shape == (ROWS,)
    assert model.score(X, VALUES) > 0.9
    both = np.stack([VALUES, -VALUES], axis=1)
    model = regressor(network(2, None, "mse"), epochs=60).fit(X, both)
    assert model.predict(X).shape == (ROWS, 2)
    assert model.score(X, both) > 0.9
    scaled = TransformedTargetRegressor(
        regressor(network(1, None, "mse")), transformer=StandardScaler()
    )
    assert scaled.fit(X, 1000 * VALUES).score(X, 1000 * VALUES) > 0.8


def test_a_function_gets_the_sizes_of_the_table() -> None:
    def make(inputs: int, outputs: int) -> gw.Model:
        sizes.append((inputs, outputs))
        return network(outputs, *(("softmax", SPARSE_CE) if outputs > 1 else (None, "mse")), inputs)

    sizes: list[tuple[int, int]] = []
    assert classifier(make).fit(X, THREE).score(X, THREE) > 0.8
    assert classifier(make).fit(X[:, :2], NAMES).predict_proba(X[:, :2]).shape == (ROWS, 2)
    assert regressor(make).fit(X, VALUES).predict(X).shape == (ROWS,)
    assert sizes == [(4, 3), (2, 2), (4, 1)]


def compiled_layer() -> gw.SparseExpertLayer:
    layer = gw.SparseExpertLayer(3, 4, 2, gw.experts.MLP(8), activation="softmax")
    layer.compile(gw.optimizers.Adam(0.02), SPARSE_CE)
    return layer


def test_a_layer_that_was_fitted_is_a_model() -> None:
    layer = compiled_layer()
    layer.fit(X.astype(np.float32), np.arange(ROWS) % 3, epochs=1, verbose=0)
    before = layer.get_weights()
    assert classifier(layer).fit(X, THREE).score(X, THREE) > 0.8
    assert all(map(np.array_equal, layer.get_weights(), before))


@pytest.mark.parametrize(
    "model",
    [
        compiled_layer(),
        network(3, "softmax", SPARSE_CE, None),
        lambda inputs, outputs: network(outputs, "softmax", SPARSE_CE, None),
        lambda inputs, outputs: compiled_layer(),
    ],
    ids=["layer", "model", "function", "function of layer"],
)
def test_the_table_gives_a_model_its_inputs(model: Any) -> None:
    assert classifier(model).fit(X, THREE).score(X, THREE) > 0.8


def test_a_wrong_number_of_outputs_is_refused() -> None:
    for outputs in (1, 2, 4):
        with pytest.raises(ValueError, match=f"model: expected 3 outputs .* got {outputs}"):
            classifier(network(outputs, "softmax", SPARSE_CE)).fit(X, THREE)
    with pytest.raises(ValueError, match=r"model: expected 1 outputs .* got 2"):
        regressor(network(2, None, "mse")).fit(X, VALUES)
    with pytest.raises(ValueError, match=r"x: expected shape \(n, 4\), got \(120, 2\)"):
        classifier(network(3, "softmax", SPARSE_CE)).fit(X[:, :2], THREE)


@pytest.mark.parametrize(
    ("outputs", "loss"),
    [
        (1, gw.losses.BinaryCrossentropy(from_logits=True)),
        (2, gw.losses.SparseCategoricalCrossentropy(from_logits=True)),
    ],
)
def test_logits_are_no_probabilities(outputs: int, loss: Any) -> None:
    try:
        probabilities = classifier(network(outputs, None, loss)).fit(X, LABELS).predict_proba(X)
    except ValueError as error:
        assert "model" in str(error)
    else:
        assert ((probabilities >= 0) & (probabilities <= 1)).all()


@pytest.mark.parametrize(
    "model",
    [
        lambda inputs, outputs: gw.Sequential([gw.Input((inputs,)), gw.layers.Dense(outputs)]),
        lambda inputs, outputs: gw.layers.Dense(outputs),
        gw.Sequential([gw.Input((4,)), gw.layers.Dense(3)]),
        gw.layers.Dense(3),
    ],
    ids=["function", "function of layer", "model", "layer"],
)
def test_an_uncompiled_model_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=r"^model: expected a compiled model"):
        classifier(model).fit(X, THREE)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (None, "NoneType"),
        (lambda inputs, outputs: 5, "int"),
        ("dense", "str"),
        (Ridge(), "Ridge"),
    ],
)
def test_something_else_than_a_model_is_refused(model: Any, kind: str) -> None:
    for make in (classifier, regressor):
        with pytest.raises(TypeError, match=f"model: expected a compiled model.* got {kind}"):
            make(model).fit(X, LABELS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", "many"),
        ("batch_size", 0),
        ("n_jobs", 0),
        ("callbacks", [5]),
        ("callbacks", 5),
    ],
)
def test_wrong_settings_of_a_wrapper_are_named(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"^{name}: "):
        classifier(network(3, "softmax", SPARSE_CE), **{name: value}).fit(X, THREE)


def test_callbacks_of_a_wrapper_are_called() -> None:
    stop = gw.callbacks.EarlyStopping("loss", min_delta=10.0, patience=2)
    model = classifier(network(3, "softmax", SPARSE_CE), callbacks=[stop]).fit(X, THREE)
    assert model.n_iter_ == 3


def test_a_single_callback_of_a_wrapper_is_called() -> None:
    stop = gw.callbacks.EarlyStopping("loss", min_delta=10.0, patience=2)
    assert classifier(network(3, "softmax", SPARSE_CE), callbacks=stop).fit(X, THREE).n_iter_ == 3


class Wait(gw.callbacks.Callback):
    """Tells that a training has begun, and holds it up until something else has happened."""

    def __init__(self, begun: threading.Event, awaited: threading.Event) -> None:
        super().__init__()
        self.begun, self.awaited = begun, awaited

    def on_train_begin(self, logs: Any = None) -> None:
        self.begun.set()
        assert self.awaited.wait(10)


def test_fits_of_two_python_threads_leave_the_number_of_threads() -> None:
    first, second, done = (threading.Event() for _ in range(3))
    model = network(3, "softmax", SPARSE_CE)
    before = gw.get_num_threads()
    fits = [
        threading.Thread(
            target=classifier(model, n_jobs=before + 1, callbacks=[wait]).fit, args=(X, THREE)
        )
        for wait in (Wait(first, second), Wait(second, done))
    ]
    try:
        fits[0].start()
        assert first.wait(10)
        fits[1].start()
        fits[0].join()
        done.set()
        fits[1].join()
        assert gw.get_num_threads() == before
    finally:
        gw.set_num_threads(before)


def test_fits_of_two_python_threads_have_their_own_seeds() -> None:
    def make_late(inputs: int, outputs: int) -> gw.Model:
        first.set()
        assert second.wait(10)
        return network(outputs, "softmax", SPARSE_CE, inputs)

    def make(inputs: int, outputs: int) -> gw.Model:
        second.set()
        return network(outputs, "softmax", SPARSE_CE, inputs)

    first, second = threading.Event(), threading.Event()
    late, other = classifier(make_late), classifier(make, random_state=1)
    thread = threading.Thread(target=late.fit, args=(X, THREE))
    thread.start()
    assert first.wait(10)
    other.fit(X, THREE)
    thread.join()
    expected = classifier(make).fit(X, THREE).predict_proba(X)
    assert_array_equal(late.predict_proba(X), expected)
