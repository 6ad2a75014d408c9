import sys
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise import plots

CURVES = {
    "accuracy": [0.5, 0.8, 0.9],
    "loss": [2.0, 1.0, 0.5],
    "val_accuracy": [0.6, 0.7, 0.9],
    "val_loss": [2.1, 1.2, 0.9],
}


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_training_curves_draw_each_value_in_one_panel_each() -> None:
    figure = plots.training_curves(CURVES)
    assert [axes.get_title("left") for axes in figure.axes] == ["Accuracy", "Loss"]
    accuracy, loss = figure.axes
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert [list(line.get_ydata()) for line in loss.lines] == [CURVES["loss"], CURVES["val_loss"]]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [1, 2, 3])


def test_training_curves_label_the_ends_apart_even_where_they_meet() -> None:
    accuracy = plots.training_curves(CURVES).axes[0]
    heights = [text.xy[1] for text in accuracy.texts]
    bottom, top = accuracy.get_ylim()
    assert {text.get_text() for text in accuracy.texts} == {
        "training\n90.0 %",
        "validation\n90.0 %",
    }
    assert abs(heights[0] - heights[1]) > 0.1 * (top - bottom)


def test_training_curves_take_what_fit_returns(tmp_path: Path) -> None:
    model = gw.Sequential([gw.layers.Dense(1, input_shape=(2,))])
    model.compile("adam", "mse")
    x = np.ones((8, 2), np.float32)
    figure = gw.plots.training_curves(model.fit(x, x[:, :1], epochs=1, verbose=0))
    figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert len(texts(figure)) == 1


@pytest.mark.parametrize("empty", [{}, {"loss": []}])
def test_training_curves_refuse_an_empty_history(empty: dict[str, list[float]]) -> None:
    with pytest.raises(
        ValueError, match="history: expected at least one epoch of values, got none"
    ):
        plots.training_curves(empty)


def test_expert_load_draws_shares_of_each_epoch(tmp_path: Path) -> None:
    figure = plots.expert_load([[1, 3], [30, 10], [5, 5]])
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[25, 75, 50], [75, 25, 50]])
    assert axes.images[0].get_clim() == (0, 100), "white, the middle, is even load"
    assert texts(figure) == ["50.0 %", "50.0 %"]
    figure.savefig(tmp_path / "load.png")


def test_expert_load_draws_an_epoch_without_rows() -> None:
    image = plots.expert_load([[0, 0]]).axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), [[0], [0]])


@pytest.mark.parametrize("rows", [[1, 2], np.zeros((0, 4)), np.zeros((4, 0))])
def test_expert_load_refuses_other_shapes(rows: object) -> None:
    with pytest.raises(ValueError, match=r"rows: expected shape \(epochs, E\)"):
        plots.expert_load(rows)


@pytest.mark.parametrize("count", [-1.0, np.nan])
def test_expert_load_refuses_what_is_no_count(count: float) -> None:
    with pytest.raises(ValueError, match="rows: expected finite counts of at least 0"):
        plots.expert_load([[1.0, count]])


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'gatewise\[plots\]'"):
        plots.training_curves(CURVES)
