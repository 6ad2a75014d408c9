"""Output activations that follow the loss: activation="auto"."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.layers import Dense

BUILD = {
    "top-k gating": lambda: gw.SparseExpertModel(4, 6, 3),
    "top-k gating, a dense layer on top": lambda: gw.SparseExpertModel(4, 6, 3, expert_units=5),
    "parallel experts": lambda: gw.create_sparse_expert_model(6, 3, 4),
    "a stack of experts": lambda: gw.create_sparse_expert_model(6, 3, 2, "stack", hidden=8),
    "gated units": lambda: gw.build_sparse_experts_model(6, 2, 3, width=8),
}
X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
LABELS = np.arange(40) % 3


def activation_of(model):
    return model.outputs[0].node.layer.activation


@pytest.fixture(params=BUILD)
def build(request):
    gw.utils.set_random_seed(0)
    return BUILD[request.param]


@pytest.mark.parametrize(
    ("loss", "activation"),
    [
        ("sparse_categorical_crossentropy", "softmax"),
        ("categorical_crossentropy", "softmax"),
        ("binary_crossentropy", "sigmoid"),
        ("mse", "linear"),
        (gw.losses.SparseCategoricalCrossentropy(from_logits=True), "linear"),
        (gw.losses.BinaryCrossentropy(from_logits=True), "linear"),
    ],
)
def test_the_output_of_the_models_follows_their_loss(build, loss, activation):
    model = build()
    logits = model.predict(X, verbose=0)
    model.compile("adam", loss)
    assert activation_of(model) == activation
    outputs = model.predict(X, verbose=0)
    if activation == "softmax":
        logits = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    elif activation == "sigmoid":
        logits = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(outputs, logits, rtol=1e-5, atol=1e-6)


def test_training_is_that_of_a_given_activation():
    def trained(activation):
        gw.utils.set_random_seed(0)
        model = gw.SparseExpertModel(4, 6, 3, activation=activation)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model.fit(X, LABELS, epochs=2, verbose=0), model.get_weights()

    (history, weights), (expected_history, expected_weights) = trained("auto"), trained("softmax")
    assert history.history == expected_history.history
    for array, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_a_given_activation_stays():
    for given in (None, "linear", "tanh"):
        model = gw.SparseExpertModel(4, 6, 3, activation=given)
        model.compile("adam", "sparse_categorical_crossentropy")
        assert activation_of(model) == (given or "linear")
    model = gw.Sequential([gw.Input((6,)), gw.SparseExpertLayer(3)])
    model.compile("adam", "sparse_categorical_crossentropy")
    assert activation_of(model) == "linear"


def test_the_setting_is_kept_in_the_configuration_and_in_files(tmp_path):
    model = gw.SparseExpertModel(4, 6, 3)
    assert model.get_config()["layers"][-1]["config"]["activation"] == "auto"
    copy = gw.SparseExpertModel.from_config(model.get_config())
    copy.compile("adam", "sparse_categorical_crossentropy")
    assert activation_of(copy) == "softmax"
    assert copy.get_config()["layers"][-1]["config"]["activation"] == "softmax"
    copy.save(tmp_path / "model.gatewise")
    loaded = gw.load_model(tmp_path / "model.gatewise")
    np.testing.assert_array_equal(loaded(X), copy(X))
    loaded.compile("adam", "mse")  # for good
    assert activation_of(loaded) == "softmax"


def test_the_output_of_a_model_that_waits_for_its_data_follows_the_loss_too():
    model = gw.Sequential([Dense(4, "relu"), Dense(3, activation="auto")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    assert activation_of(model) == "softmax"


def test_each_of_several_outputs_follows_its_own_loss():
    x = gw.Input((6,))
    outputs = [Dense(3, activation="auto", name=name)(x) for name in "abc"]
    model = gw.Model(x, outputs)
    model.compile("adam", ["mse", "sparse_categorical_crossentropy", "binary_crossentropy"])
    found = [symbol.node.layer.activation for symbol in model.outputs]
    assert found == ["linear", "softmax", "sigmoid"]


def test_fit_says_once_what_was_set_and_nothing_where_nothing_is_shown(capsys):
    model = gw.SparseExpertModel(4, 6, 3, name="model")
    name = model.layers[-1].name
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=2)
    line = f"{name}: activation='softmax', for loss sparse_categorical_crossentropy\n"
    assert capsys.readouterr().out.startswith(line)
    model.fit(X, LABELS, verbose=2)
    assert line not in capsys.readouterr().out
    model = gw.SparseExpertModel(4, 6, 3)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    assert not capsys.readouterr().out


def test_what_people_type_first_learns():
    x, y = X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    gw.utils.set_random_seed(0)
    model = gw.SparseExpertModel(4, 6, 3)
    model.compile(gw.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=60, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9
