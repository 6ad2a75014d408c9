"""Utilities return what Keras' do; its results are stored by tests/keras/make_utils_figures.py."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from gatewise.utils import (
    normalize,
    pack_x_y_sample_weight,
    plot_model,
    to_categorical,
    unpack_x_y_sample_weight,
)
from training_models import make_data, make_model

KERAS = Path(__file__).parents[1] / "keras"
CASES = runpy.run_path(str(KERAS / "make_utils_figures.py"))
STORED = json.loads((KERAS / "figures" / "utils.json").read_text(encoding="utf-8"))


def test_one_hot_rows_are_those_of_keras() -> None:
    for (labels, count), expected in zip(CASES["LABELS"], STORED["to_categorical"], strict=True):
        found = to_categorical(labels, count)
        assert found.tolist() == expected
        assert found.dtype == np.float64


def test_labels_may_be_text_of_numbers() -> None:
    expected = to_categorical([1, 0])
    for labels in (["1", "0"], np.array(["1", "0"], object), np.array([b"1", b"0"])):
        np.testing.assert_array_equal(to_categorical(labels), expected)
    with pytest.raises(ValueError, match="cat"):
        to_categorical(["cat", "1"])


def test_norms_are_those_of_keras() -> None:
    for (x, axis, order), expected in zip(CASES["NORMS"], STORED["normalize"], strict=True):
        found = normalize(np.array(x), axis, order)
        np.testing.assert_allclose(found, expected, rtol=1e-15)  # the last bit of a division
        assert found.shape == np.shape(expected)


def test_columns_can_be_normalized() -> None:
    x = np.array([[3.0, 0.0], [4.0, 2.0]])
    np.testing.assert_allclose(normalize(x, axis=0), [[0.6, 0.0], [0.8, 1.0]], rtol=1e-15)
    assert normalize(np.ones((2, 3), np.float32)).dtype == np.float32
    assert normalize([[3, 4]]).tolist() == [[0.6, 0.8]]


def test_data_are_packed_and_unpacked_as_in_keras() -> None:
    for case, packed, unpacked in zip(
        CASES["PACKED"], STORED["packed"], STORED["unpacked"], strict=True
    ):
        assert repr(pack_x_y_sample_weight(*case)) == packed
        assert repr(unpack_x_y_sample_weight(pack_x_y_sample_weight(*case))) == unpacked


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_categorical([0, 3], 3), "x: expected classes from 0 to 2, got 3"),
        (lambda: to_categorical([-1, 1]), "x: expected classes from 0 to 1, got -1"),
        (lambda: to_categorical([0.5]), "x: expected whole numbers, got 0.5"),
        (lambda: to_categorical([]), "num_classes: expected a count where x is empty, got None"),
        (
            lambda: unpack_x_y_sample_weight((1, 2, 3, 4)),
            "data: expected (x,), (x, y) or (x, y, sample_weight), got 4 elements",
        ),
    ],
)
def test_wrong_arguments_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_a_cleared_session_begins_with_the_first_names() -> None:
    gw.layers.Dense(2)
    gw.config.set_dtype_policy("mixed_bfloat16")
    model = make_model()
    before = model.predict(make_data()[0], verbose=0)
    gw.backend.clear_session()
    assert gw.layers.Dense(2).name == "dense"
    assert gw.layers.Dense(2).name == "dense_1"
    assert gw.config.dtype_policy().name == "float32"
    np.testing.assert_array_equal(before, model.predict(make_data()[0], verbose=0))
    gw.utils.clear_session(free_memory=False)
    assert gw.layers.Dense(2).name == "dense"
    with pytest.raises(TypeError, match="free_memory: expected True or False, got 1"):
        gw.utils.clear_session(1)  # type: ignore[arg-type]


def test_the_types_and_bounds_of_the_core_have_keras_names() -> None:
    assert gw.backend.floatx() == gw.config.floatx() == "float32"
    assert gw.backend.epsilon() == gw.config.epsilon() == 1e-7
    assert gw.backend.image_data_format() == gw.config.image_data_format() == "channels_last"
    assert gw.version() == gw.__version__
    # A probability of 0 has the logarithm of that bound.
    model = gw.Sequential([gw.Input((1,)), gw.layers.Dense(1, activation="sigmoid")])
    model.set_weights([np.array([[100.0]]), np.zeros(1)])
    model.compile("sgd", "binary_crossentropy")
    loss = model.evaluate(np.array([[-100.0]]), np.array([1.0]), verbose=0)
    assert loss > -np.log(1.1 * gw.backend.epsilon())


def test_base_classes_are_in_the_package() -> None:
    assert isinstance(gw.losses.get("mse"), gw.Loss)
    assert isinstance(gw.metrics.get("mae"), gw.Metric)
    assert isinstance(gw.optimizers.get("adam"), gw.Optimizer)
    assert isinstance(gw.regularizers.get("l1"), gw.Regularizer)
    assert isinstance(gw.initializers.get("zeros"), gw.Initializer)


def test_weights_are_saved_and_loaded_by_functions(tmp_path: Path) -> None:
    first, second = make_model(), make_model(seed=2)
    gw.saving.save_weights(first, tmp_path / "weights.gatewise")
    gw.saving.load_weights(second, tmp_path / "weights.gatewise")
    for ours, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(FileExistsError):
        gw.saving.save_weights(first, tmp_path / "weights.gatewise", overwrite=False)
    with pytest.raises(TypeError, match="save_weights: max_shard_size is not supported"):
        gw.saving.save_weights(first, tmp_path / "other", max_shard_size=1)  # type: ignore[arg-type]
    gw.saving.save_model(first, tmp_path / "model.gatewise")
    assert gw.saving.load_model(tmp_path / "model.gatewise").count_params() == first.count_params()


class Counted(gw.utils.PyDataset):
    """Two batches, whose count is a property; records the hooks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.hooks: list[str] = []

    @property
    def num_batches(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        x, y = make_data()
        self.hooks.append(f"batch {index}")
        return x[25 * index : 25 * index + 25], y[25 * index : 25 * index + 25]

    def on_epoch_begin(self) -> None:
        self.hooks.append("begin")

    def on_epoch_end(self) -> None:
        self.hooks.append("end")


def test_a_data_class_may_count_its_batches_by_a_property() -> None:
    data, model = Counted(), make_model()
    assert len(data) == 2
    assert len(list(data)) == 2
    data.hooks.clear()
    model.fit(data, epochs=2, verbose=0)
    epoch = ["begin", "batch 0", "batch 1", "end"]
    assert data.hooks[-8:] == [*epoch, *epoch]
    for call in (model.evaluate, model.predict):
        data.hooks.clear()
        call(data, verbose=0)
        assert data.hooks == epoch
    other = make_model()
    other.fit(*make_data(), batch_size=25, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_data_class_keeps_its_workers_which_change_nothing() -> None:
    data = Counted(workers=4, use_multiprocessing=True, max_queue_size=2)
    assert (data.workers, data.use_multiprocessing, data.max_queue_size) == (4, True, 2)
    model = make_model()
    one, other = (model.predict(each, verbose=0) for each in (data, Counted()))
    np.testing.assert_array_equal(one, other)


def test_a_data_class_without_a_count_is_refused() -> None:
    class Endless(gw.utils.Sequence):
        @property
        def num_batches(self) -> None:
            return None

    for each in (Endless(), gw.utils.PyDataset()):
        message = f"{type(each).__name__}: expected a method __len__ or a property num_batches"
        with pytest.raises(NotImplementedError, match=message):
            len(each)


def picture(model: Any, path: Path, **options: Any) -> str:
    assert plot_model(model, path, **options) is None
    return path.read_text()


def two_branches() -> gw.Model:
    first, second = gw.Input((4,), name="first"), gw.Input((3,), name="second")
    shared = gw.layers.Dense(2, activation="relu", name="a<b")
    code = shared(first)
    merged = gw.layers.Concatenate(name="both")([code, gw.layers.Dense(2, name="other")(second)])
    return gw.Model([first, second], [shared(gw.layers.Dense(4, name="back")(merged)), merged])


def test_the_picture_of_a_model_has_its_layers_and_what_they_read(tmp_path: Path) -> None:
    text = picture(two_branches(), tmp_path / "model.dot", show_layer_names=True)
    names = dict(re.findall(r"(layer_\d+) \[label=.*?<b>(.*?)</b>", text))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(layer_\d+) -> (layer_\d+)", text)}
    assert edges == {
        ("first (InputLayer)", "a&lt;b (Dense)"),
        ("second (InputLayer)", "other (Dense)"),
        ("a&lt;b (Dense)", "both (Concatenate)"),
        ("other (Dense)", "both (Concatenate)"),
        ("both (Concatenate)", "back (Dense)"),
        ("back (Dense)", "a&lt;b (Dense)"),
    }
    assert 'rankdir="TB", dpi="200", splines="ortho"' in text


def test_what_else_a_picture_shows_can_be_chosen(tmp_path: Path) -> None:
    model = make_model()
    plain = picture(model, tmp_path / "plain.gv")
    assert "dense" not in plain and "shape:" not in plain and "<b>Dense</b>" in plain
    flags = ("show_shapes", "show_dtype", "show_layer_activations", "show_trainable")
    options = {"rankdir": "LR", "dpi": 96, "splines": "line", **dict.fromkeys(flags, True)}
    text = picture(model, tmp_path / "full.dot", **options)
    for part in (
        'rankdir="LR", dpi="96", splines="line"',
        "Input shape: <b>(None, 6)</b>",
        "Output shape: <b>(None, 8)</b>",
        "Type: <b>float32</b>",
        "Activation: <b>relu</b>",
        "Trainable: <b>True</b>",
    ):
        assert part in text


def test_a_part_of_a_model_is_drawn_from_its_own_inputs(tmp_path: Path) -> None:
    x = gw.Input((4,))
    code = gw.layers.Dense(3)(x)
    part = gw.Model(code, gw.layers.Dense(2)(code))
    text = picture(part, tmp_path / "part.dot")
    assert text.count("label=") == 2
    assert text.count("->") == 1


def test_pictures_are_drawn_by_the_package_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, str]] = []

    class Source:
        def __init__(self, text: str) -> None:
            self.text = text

        def pipe(self, format: str) -> bytes:
            drawn.append((self.text, format))
            return b"by graphviz"

    graph = SimpleNamespace(create=lambda format: b"by pydot")
    graphviz = SimpleNamespace(Source=Source)
    pydot = SimpleNamespace(graph_from_dot_data=lambda text: [graph])
    model = make_model()
    monkeypatch.setitem(sys.modules, "graphviz", graphviz)
    monkeypatch.setitem(sys.modules, "pydot", pydot)
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    plot_model(model, tmp_path / "model.svg")
    plot_model(model, tmp_path / "model")
    assert [kind for _, kind in drawn] == ["svg", "png"]
    assert drawn[0][0] == picture(model, tmp_path / "model.dot")
    assert (tmp_path / "model.svg").read_bytes() == b"by graphviz"
    monkeypatch.setitem(sys.modules, "graphviz", None)
    plot_model(model, tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_bytes() == b"by pydot"
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    shown = SimpleNamespace(Image=lambda filename: ("image", filename))
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    path = tmp_path / "model.png"
    assert plot_model(model, path) == ("image", str(path))
    assert plot_model(model, tmp_path / "model.pdf") is None
    monkeypatch.setitem(sys.modules, "pydot", None)
    message = r"graphviz is required here .*'gatewise\[plot_model\]'"
    with pytest.raises(ImportError, match=message):
        plot_model(model, tmp_path / "none.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rankdir": "up"}, "rankdir: expected one of TB, BT, LR, RL, got 'up'"),
        ({"splines": "round"}, "splines: expected one of ortho, curved"),
        ({"dpi": 0}, "dpi: expected an integer >= 1, got 0"),
        ({"show_shapes": 1}, "show_shapes: expected True or False, got 1"),
        ({"expand_nested": 1}, "expand_nested: expected True or False, got 1"),
    ],
)
def test_wrong_settings_of_a_picture_are_refused(options: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        plot_model(make_model(), "never.dot", **options)
    with pytest.raises(ValueError, match="expected a built model"):
        plot_model(gw.Sequential([gw.layers.Dense(2)]), "never.dot")
    assert not Path("never.dot").exists()
