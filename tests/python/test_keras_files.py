"""Files of Keras are read, and ours of the same suffix are like them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from keras_layer_cases import CASES
from keras_position_cases import DROPOUTS

FIGURES = Path(__file__).parents[1] / "keras" / "figures"


@pytest.mark.parametrize("name", ["functional", "sequential", "nested", "normalized"])
def test_a_file_of_keras_predicts_as_it_does_there(name):
    model = gw.load_model(FIGURES / f"{name}.keras")
    x = np.ones((2, *model.input_shape[1:]), np.float32)
    expected = np.load(FIGURES / f"{name}_predictions.npy")
    # Float32 products and exponentials of another order.
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_models_within_a_file_of_keras_are_models_here():
    model = gw.load_model(FIGURES / "nested.keras")
    assert [each.name for each in model.models] == ["encoder", "decoder"]
    assert len(model.get_layer("encoder").predict(np.ones((2, 4)), verbose=0)) == 2


def test_a_file_of_keras_is_compiled_as_it_says():
    model = gw.load_model(FIGURES / "functional.keras")
    assert isinstance(model.optimizer, gw.optimizers.Adam)
    result = model.evaluate(np.ones((4, 4)), np.arange(4) % 2, verbose=0, return_dict=True)
    assert set(result) == {"loss", "accuracy"}
    model.fit(np.ones((4, 4)), np.arange(4) % 2, verbose=0)
    assert isinstance(gw.load_model(FIGURES / "sequential.keras").optimizer, gw.optimizers.RMSprop)
    assert gw.load_model(FIGURES / "functional.keras", compile=False).get_compile_config() == {}
    of_functions = gw.load_model(FIGURES / "normalized.keras")
    assert of_functions.metrics_names == ["loss", "mean_absolute_error"]
    assert of_functions.loss.kind == "mse"


@pytest.mark.parametrize("name", sorted(set(CASES) - {"operators", "sums_of_gradients"}))
def test_a_written_file_is_read_again(name, tmp_path):
    x, build = CASES[name]
    model = build(gw)
    if any(type(layer).__name__ == "Broadcast" for layer in model.layers):
        with pytest.raises(ValueError, match=r"expected layers that Keras has, got 'broadcast"):
            model.save(tmp_path / "m.keras")
        return
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "m.keras")
    loaded = gw.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.get_compile_config() == model.get_compile_config()


def test_a_written_file_of_dropouts_is_read_again(tmp_path):
    x, build = DROPOUTS
    model = build(gw)
    model.save(tmp_path / "m.keras")
    loaded = gw.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    for ours, theirs in zip(model.layers, loaded.layers, strict=True):
        assert ours.get_config() == theirs.get_config()


def described(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        return json.loads(archive.read("config.json"))


@pytest.mark.parametrize("name", ["functional", "sequential"])
def test_a_written_configuration_has_the_form_of_keras(name, tmp_path):
    gw.load_model(FIGURES / f"{name}.keras").save(tmp_path / "m.keras")
    ours, theirs = described(tmp_path / "m.keras"), described(FIGURES / f"{name}.keras")
    for key in ("module", "class_name"):
        assert ours[key] == theirs[key]
    for mine, other in zip(ours["config"]["layers"], theirs["config"]["layers"], strict=True):
        assert (mine["module"], mine["class_name"]) == (other["module"], other["class_name"])
        assert (
            mine.get("inbound_nodes")
            == [{**node, "kwargs": {}} for node in other.get("inbound_nodes", [])]
            or name == "sequential"
        )
        for setting, value in mine["config"].items():
            if not isinstance(value, dict):
                assert value == other["config"].get(setting, value)


def altered(tmp_path: Path, change: object) -> Path:
    """A copy of a file of Keras whose configuration was changed."""
    path = tmp_path / "altered.keras"
    with zipfile.ZipFile(FIGURES / "functional.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    change(config["config"]["layers"])
    files["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def other_class(layers: list[dict[str, object]]) -> None:
    layers[1]["class_name"] = "LSTM"


def other_setting(layers: list[dict[str, object]]) -> None:
    layers[1]["config"]["quantization_config"] = {"mode": "int8"}


def other_shape(layers: list[dict[str, object]]) -> None:
    layers[1]["config"]["units"] = layers[2]["config"]["units"] = 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_class, r"layer 'a': class LSTM of keras.layers is not here"),
        (other_setting, r"layer 'a': Dense: quantization_config is not supported"),
        (other_shape, r"layer 'a': weights\[0\]: expected shape \(4, 5\)"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_layer(change, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        gw.load_model(altered(tmp_path, change))


def test_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="expected a file of Keras 3, a zip archive"):
        gw.load_model(path)
    with pytest.raises(OSError, match="absent"):
        gw.load_model(tmp_path / "absent.keras")


def test_a_model_with_other_layers_is_not_written(tmp_path):
    model = gw.Sequential([gw.Input((4,)), gw.SparseExpertLayer(3, name="experts")])
    with pytest.raises(ValueError, match="got 'experts' of class SparseExpertLayer; save as"):
        model.save(tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


def test_weights_are_attributes_by_their_names():
    layer = gw.layers.Dense(2)
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'kernel'"):
        layer.kernel  # noqa: B018
    layer.build((None, 3))
    layer.kernel.assign(np.ones((3, 2)))
    assert np.asarray(layer.kernel).sum() == 6
    assert [each.path for each in layer.weights] == [f"{layer.name}/kernel", f"{layer.name}/bias"]
    norm = gw.layers.BatchNormalization()
    model = gw.Sequential([gw.Input((3,)), layer, norm])
    assert [each.name for each in model.trainable_weights] == ["kernel", "bias", "gamma", "beta"]
    assert [each.name for each in model.non_trainable_weights] == ["moving_mean", "moving_variance"]
    layer.trainable = False
    assert [each.name for each in model.trainable_weights] == ["gamma", "beta"]
    with pytest.raises(ValueError, match="expected shape"):
        layer.bias.assign(np.ones(5))
