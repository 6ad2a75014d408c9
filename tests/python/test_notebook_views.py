"""What a notebook shows of objects: tables, pictures, one bar for all epochs."""

from __future__ import annotations

import inspect
import io
import sys
import types
from typing import Any

import matplotlib.image
import numpy as np
import pytest

import gatewise as gw
from gatewise import plots
from gatewise.sae import encoding_model, training_data
from gatewise.training import progress
from training_models import make_data, make_model

X, Y = make_data()


@pytest.fixture
def in_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("IPython")
    module.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", module)


def test_a_figure_is_a_picture_without_pyplot() -> None:
    figure: Any = plots.expert_load([[1, 3], [30, 10]])
    image = matplotlib.image.imread(io.BytesIO(figure._repr_png_()))
    width, height = figure.get_size_inches()
    assert image.shape[:2] == (round(100 * height), round(100 * width))


def test_a_model_is_the_table_of_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    shown = model._repr_html_()
    model.summary()
    for cell in capsys.readouterr().out.replace("\n", "  ").split("  "):
        assert cell.strip("- ").replace("'", "&#x27;") in shown


def test_a_model_that_is_not_built_says_so() -> None:
    model = gw.Sequential([gw.layers.Dense(3)])
    assert "Not built" in model._repr_html_()


def test_a_layer_shows_its_settings() -> None:
    layer = gw.SparseExpertLayer(3, num_experts=4, k=2, name="<experts>")
    shown = layer._repr_html_()
    assert "&lt;experts&gt; (SparseExpertLayer)" in shown
    assert "num_experts" in shown and "TopK(" in shown
    assert "parameters" not in shown
    layer.build((None, 5))
    assert f"{layer.count_params():,}" in layer._repr_html_()


def test_a_history_shows_its_first_and_last_epochs() -> None:
    history = gw.callbacks.History()
    history.history = {"loss": [float(at) for at in range(1, 31)], "val_loss": [0.25]}
    shown = history._repr_html_()
    assert shown.count("<tr>") == 1 + 10 + 1
    assert ">0.25<" in shown and ">30<" in shown and ">15<" not in shown
    assert gw.callbacks.History()._repr_html_().count("<tr>") == 1


def test_a_load_shows_a_bar_for_each_expert() -> None:
    layer = gw.SparseExpertLayer(3, num_experts=4, k=2)
    layer.build((None, 5))
    load = layer.expert_load(np.ones((10, 5)))
    shown = load._repr_html_()
    assert shown.count("█" * 20) == 2  # all rows are equal: two experts have them
    assert "dead experts: 2" in shown
    assert np.array_equal(layer.load(np.ones((10, 5))).rows, load.rows)


@pytest.mark.usefixtures("in_notebook")
def test_a_notebook_has_one_bar_for_all_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().fit(X, Y, epochs=3, batch_size=10, validation_split=0.2)
    out, err = capsys.readouterr()
    steps = 3 * -(-int(0.8 * len(X)) // 10)
    assert err == ""
    assert out.count("\n") == 1
    last = out.rstrip("\n").split("\r")[-1]
    assert last.startswith("Epoch 3/3") and f"{steps}/{steps}" in last and "val_loss: " in last


@pytest.mark.usefixtures("in_notebook")
def test_a_training_that_goes_on_counts_its_own_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().fit(X, Y, epochs=5, initial_epoch=3, batch_size=len(X))
    last = capsys.readouterr().out.rstrip("\n").split("\r")[-1]
    assert last.startswith("Epoch 5/5") and " 2/2 " in last


@pytest.mark.usefixtures("in_notebook")
def test_a_bar_of_unknown_length_ends_full(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().fit((X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10))
    assert "5/5" in capsys.readouterr().out.split("\r")[-1]


@pytest.mark.usefixtures("in_notebook")
def test_verbose_2_prints_lines_in_a_notebook_too(capsys: pytest.CaptureFixture[str]) -> None:
    make_model().fit(X, Y, epochs=2, verbose=2)
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert isinstance(progress.make_progress(1), progress.NotebookProgress)


@pytest.mark.parametrize(
    "name", ["", "losses", "layers", "optimizers", "sae", "routers", "estimators", "utils"]
)
def test_completion_lists_no_private_names(name: str) -> None:
    module = getattr(gw, name) if name else gw
    names = dir(module)
    assert names == sorted(set(names)) and len(names) > 1
    assert all(hasattr(module, each) for each in names)
    assert [each for each in names if each.startswith("_") and each != "__version__"] == []
    assert {"Any", "annotations", "np", "TYPE_CHECKING", "base"}.isdisjoint(names)


@pytest.mark.parametrize("name", ["fit", "predict", "evaluate", "compile", "save", "load_weights"])
def test_a_layer_documents_the_methods_of_its_model(name: str) -> None:
    ours, model = getattr(gw.layers.Dense, name), getattr(gw.Model, name)
    assert ours.__doc__ == model.__doc__ and "Parameters" in ours.__doc__
    assert inspect.signature(ours) == inspect.signature(model)


@pytest.mark.usefixtures("in_notebook")
def test_passes_over_many_rows_show_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(encoding_model, "ENCODE_BLOCK_ROWS", 10)
    monkeypatch.setattr(training_data, "_BLOCK_ROWS", 10)
    made = progress.make_progress
    monkeypatch.setattr(progress, "make_progress", lambda verbose, **_: made(verbose))
    x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    sae = gw.SparseAutoencoder(16, activation=gw.TopK(2), seed=0)
    sae.compile()
    sae.fit(x, epochs=1)
    sae.measure(x)
    out = capsys.readouterr().out
    assert out.count("reading rows") >= 2 and "measure" in out and "6/6" in out
    fresh = gw.SparseAutoencoder(16, activation=gw.TopK(2), seed=0)
    fresh.compile()
    fresh.fit(x, epochs=1, verbose=0)
    fresh.measure(x, verbose=0)
    assert capsys.readouterr().out == ""
