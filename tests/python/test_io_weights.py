"""Files that contain only weights."""

import numpy as np
import pytest

import gatewise as gw
from gatewise.io import container
from gatewise.layers import Dense


@pytest.fixture(autouse=True)
def _repeatable():
    gw.utils.set_random_seed(0)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def _model(hidden=3, experts=4):
    layers = [gw.Input(shape=(4,)), Dense(hidden), gw.SparseExpertLayer(2, num_experts=experts)]
    return gw.Sequential(layers)


def test_weights_are_loaded_into_a_model_with_other_layer_names(x, tmp_path):
    model, other = _model(), _model()
    assert model.layers[0].name != other.layers[0].name
    model.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    assert np.array_equal(other(x), model(x))


def test_weights_are_loaded_from_a_model_file(x, tmp_path):
    model, other = _model(), _model()
    model.save(tmp_path / "m.gatewise")
    other.load_weights(tmp_path / "m.gatewise")
    assert np.array_equal(other(x), model(x))


def test_weights_of_other_shapes_are_refused_and_nothing_is_set(x, tmp_path):
    model, other = _model(), _model(experts=5)
    before = other(x)
    model.save_weights(tmp_path / "w")
    with pytest.raises(
        ValueError, match=r"w: tensor 'weights/.*/kernel': expected float32 of shape \(5, 3, 2\)"
    ):
        other.load_weights(tmp_path / "w")
    assert np.array_equal(other(x), before)


def test_skip_mismatch_keeps_the_weights_of_layers_that_do_not_fit(tmp_path):
    model, other = _model(), _model(experts=5)
    model.save_weights(tmp_path / "w")
    before = other.layers[1].get_weights()
    with pytest.warns(UserWarning, match=r"keeps its weights: .*expected float32 of shape \(5, 3"):
        other.load_weights(tmp_path / "w", skip_mismatch=True)
    assert all(map(np.array_equal, other.layers[0].get_weights(), model.layers[0].get_weights()))
    assert all(map(np.array_equal, other.layers[1].get_weights(), before))


def test_weights_of_another_layer_count_are_refused(tmp_path):
    _model().save_weights(tmp_path / "w")
    single = gw.Sequential([gw.Input(shape=(4,)), Dense(3, name="only")])
    with pytest.raises(ValueError, match=r"w: layers: expected 1 with parameters \(only\), got 2"):
        single.load_weights(tmp_path / "w")


def test_weights_of_other_parameters_are_refused(tmp_path):
    gw.Sequential([gw.Input(shape=(4,)), Dense(3, name="a")]).save_weights(tmp_path / "w")
    other = gw.Sequential([gw.Input(shape=(4,)), Dense(3, use_bias=False)])
    with pytest.raises(ValueError, match=r"layer 'a': expected parameters kernel, got kernel, bia"):
        other.load_weights(tmp_path / "w")


def test_weights_of_another_precision_are_refused(tmp_path):
    model = gw.Sequential([gw.Input(shape=(4,)), Dense(3, name="a")])
    model.save_weights(tmp_path / "w")
    found = container.read_file(tmp_path / "w", "weights")
    tensors = {name: each.astype(np.float64) for name, each in found.tensors.items()}
    container.write_file(tmp_path / "w", "weights", found.config, tensors)
    with pytest.raises(ValueError, match=r"tensor 'weights/a/kernel': expected float32 .* float64"):
        model.load_weights(tmp_path / "w")


def test_an_unbuilt_model_has_no_weights_to_save_or_load(tmp_path):
    _model().save_weights(tmp_path / "w")
    model = gw.Sequential([Dense(3), gw.SparseExpertLayer(2, num_experts=4)])
    with pytest.raises(ValueError, match=r"expected a built layer"):
        model.save_weights(tmp_path / "other")
    with pytest.raises(ValueError, match=r"expected a built layer"):
        model.load_weights(tmp_path / "w")
    assert not (tmp_path / "other").exists()


def test_a_weights_file_is_refused_as_a_model(tmp_path):
    _model().save_weights(tmp_path / "w")
    with pytest.raises(ValueError, match=r"w: content: expected 'model', got 'weights'"):
        gw.load_model(tmp_path / "w")


def test_saving_over_a_file_can_be_refused(tmp_path):
    _model().save_weights(tmp_path / "w")
    with pytest.raises(FileExistsError, match=r"w: expected no file there, as overwrite=False"):
        _model().save_weights(tmp_path / "w", overwrite=False)


def test_a_layer_saves_and_loads_its_weights(x, tmp_path):
    layer, other = Dense(3), Dense(3)
    expected = layer(x)
    other(x)
    layer.as_model().build((None, 4))
    layer.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    assert np.array_equal(other(x), expected)


def test_weights_without_the_bias_of_the_default_balance_are_loaded(x, tmp_path):
    before = gw.SparseExpertLayer(2, num_experts=4, balance=None, input_dim=4)
    now = gw.SparseExpertLayer(2, num_experts=4, input_dim=4)
    expected = before(x)
    before.save_weights(tmp_path / "w")
    now(x)
    bias = np.array([3, 0, -1, 2], np.float32)
    now.set_weights([*now.get_weights()[:-1], bias])
    now.load_weights(tmp_path / "w")
    assert np.array_equal(now(x), expected)
    assert not now.named_weights()["balance_bias"].any()
    with pytest.raises(ValueError, match="expected parameters kernel, bias, router_kernel, got"):
        now.save_weights(tmp_path / "v")
        before.load_weights(tmp_path / "v")
