"""Files of whole models."""

import json
import subprocess
import sys

import numpy as np
import pytest

import gatewise as gw
from gatewise.io import container
from gatewise.layers import Add, Dense


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)


def _stack():
    return gw.Sequential(
        [
            gw.Input(shape=(6,)),
            gw.SparseExpertLayer(
                5,
                num_experts=4,
                expert=gw.experts.MLP(3),
                router="noisy_top_k",
                balance=[gw.balance.AuxLoss(), gw.balance.Bias()],
                shared_experts=1,
            ),
            gw.layers.Dropout(0.5),
            gw.layers.LayerNormalization(),
            Dense(1, kernel_regularizer="l1_l2"),
        ]
    )


def _graph():
    inputs = gw.Input(shape=(6,))
    layer = Dense(6, "relu")
    symbol = Add()([layer(inputs), layer(layer(inputs))])
    return gw.Model(inputs, Dense(1)(gw.SparseExpertLayer(3, router="static")(symbol)))


_MODELS = {"sequential": _stack, "functional": _graph}


@pytest.fixture(params=_MODELS)
def model(request):
    return _MODELS[request.param]()


def test_a_loaded_model_predicts_the_same_bits(model, x, tmp_path):
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    assert np.array_equal(loaded(x), model(x))
    assert not loaded.compiled


@pytest.mark.parametrize("optimizer", ["adam", gw.optimizers.SGD(0.01, momentum=0.9), "adamw"])
def test_a_loaded_model_continues_training_with_the_same_bits(model, x, tmp_path, optimizer):
    y = x.sum(axis=1)
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(x, y, epochs=2, verbose=0)
    model.optimizer.learning_rate = 0.005
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert loaded.optimizer.learning_rate == 0.005
    histories = [each.fit(x, y, epochs=3, verbose=0).history for each in (model, loaded)]
    assert histories[0] == histories[1]
    assert all(map(np.array_equal, model.get_weights(), loaded.get_weights()))


def test_load_model_can_omit_the_compile_settings(x, tmp_path):
    model = _stack()
    model.compile("adam", "mse")
    model.fit(x, np.ones(24), verbose=0)
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise", compile=False)
    assert not loaded.compiled
    assert np.array_equal(loaded(x), model(x))


def test_an_unbuilt_model_can_be_saved(x, tmp_path):
    model = gw.Sequential([Dense(3)])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert loaded.compiled
    assert not loaded.built
    assert loaded(x).shape == (24, 3)


def test_trained_layers_of_a_model_without_input_are_saved(x, tmp_path):
    layer = Dense(3)
    expected = layer(x)
    gw.Sequential([layer]).save(tmp_path / "m.gatewise")
    assert np.array_equal(gw.load_model(tmp_path / "m.gatewise")(x), expected)


def test_frozen_layers_stay_frozen(tmp_path):
    model = gw.Sequential([gw.Input(shape=(6,)), Dense(3), Dense(2)])
    model.layers[0].trainable = False
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert [layer.trainable for layer in loaded.layers] == [False, True]
    assert not loaded.layers[0].native.trainable


def test_a_file_is_loaded_in_a_new_process(x, tmp_path):
    model = _stack()
    model.save(tmp_path / "m.gatewise")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, numpy as np, gatewise as gw; folder = sys.argv[1];"
        "y = gw.load_model(folder + '/m.gatewise').predict(np.load(folder + '/x.npy'), verbose=0);"
        "np.save(folder + '/y.npy', y)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert np.array_equal(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0))


def test_sparse_weights_stay_exactly_zero(tmp_path):
    model = gw.Sequential([gw.Input(shape=(6,)), Dense(3, use_bias=False)])
    kernel = np.eye(6, 3)
    model.set_weights([kernel])
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert loaded.count_nonzero() == 3
    assert np.array_equal(loaded.get_weights()[0], kernel)


def test_saving_over_a_file_can_be_refused(tmp_path):
    model = _stack()
    model.save(tmp_path / "m.gatewise")
    model.save(tmp_path / "m.gatewise")
    with pytest.raises(FileExistsError, match=r"m.gatewise: expected no file there"):
        model.save(tmp_path / "m.gatewise", overwrite=False)
    with pytest.raises(TypeError, match=r"save_model: zipped is not supported"):
        model.save(tmp_path / "m.gatewise", zipped=True)


def test_unsupported_arguments_of_load_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"load_model: custom_objects is not supported"):
        gw.load_model(tmp_path / "none", custom_objects={"f": max})
    with pytest.raises(TypeError, match=r"load_model: safe_mode is not supported; expected True"):
        gw.load_model(tmp_path / "none", safe_mode=False)


def test_a_missing_file_raises_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none"):
        gw.load_model(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.pop("seed"), r"config: expected 'seed', found none"),
        (lambda config: config.update(class_name="os.system"), r"config: model: expected one of"),
        (
            lambda config: config["config"]["layers"][0].update(class_name="subprocess.Popen"),
            r"config: layer: expected one of activation, .*; got 'subprocess.Popen'",
        ),
        (
            lambda config: config["config"]["layers"][3]["config"].update(shell="ls"),
            r"config: Dense: unexpected argument 'shell'",
        ),
        (
            lambda config: config["config"]["layers"][3]["config"].update(units=9),
            r"tensor 'weights/.*/kernel': expected float32 of shape \(5, 9\), got float32 of",
        ),
        (lambda config: config["states"].pop(), r"config: zip\(\) argument 2 is shorter"),
        (lambda config: config["layers"].pop(), r"layers: expected 3 with parameters .*, got 2"),
    ],
)
def test_an_invalid_configuration_is_refused(change, message, tmp_path):
    path = tmp_path / "m.gatewise"
    _stack().save(path)
    found = container.read_file(path, "model")
    config = json.loads(json.dumps(found.config))
    change(config)
    container.write_file(path, "model", config, found.tensors)
    with pytest.raises(ValueError, match=r"m.gatewise: " + message):
        gw.load_model(path)


def test_a_missing_tensor_is_reported_by_name(tmp_path):
    path = tmp_path / "m.gatewise"
    gw.Sequential([gw.Input(shape=(2,)), Dense(1, name="head")]).save(path)
    found = container.read_file(path, "model")
    del found.tensors["weights/head/bias"]
    container.write_file(path, "model", found.config, found.tensors)
    with pytest.raises(ValueError, match=r"tensor 'weights/head/bias': expected it, found none"):
        gw.load_model(path)


def test_no_altered_or_truncated_model_is_loaded(tmp_path):
    path = tmp_path / "m.gatewise"
    model = gw.Sequential([gw.Input(shape=(2,)), Dense(1, name="head")])
    model.save(path)
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for position in random.integers(0, len(data), 200):
        altered = bytearray(data)
        altered[position] ^= 1 << random.integers(0, 8)
        path.write_bytes(altered)
        with pytest.raises(ValueError, match=r"m.gatewise: "):
            gw.load_model(path)
        path.write_bytes(data[:position])
        with pytest.raises(ValueError, match=r"m.gatewise: header: "):
            gw.load_model(path)


def test_a_model_of_a_user_defined_class_is_not_written(tmp_path):
    class Own(gw.Sequential):
        pass

    with pytest.raises(
        TypeError,
        match=r"model: expected an instance of a registered class \(model, sequential, ",
    ):
        Own([Dense(3)]).save(tmp_path / "m.gatewise")
    assert not (tmp_path / "m.gatewise").exists()
