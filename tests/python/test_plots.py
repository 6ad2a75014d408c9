import sys
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise import plots
from gatewise.sae.measures import measure

CURVES = {
    "accuracy": [0.5, 0.8, 0.9],
    "loss": [2.0, 1.0, 0.5],
    "val_accuracy": [0.6, 0.7, 0.9],
    "val_loss": [2.1, 1.2, 0.9],
}


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_training_curves_draw_each_quantity_in_one_panel() -> None:
    figure = plots.training_curves(CURVES)
    assert [axes.get_title("left") for axes in figure.axes] == ["Accuracy", "Loss"]
    accuracy, loss = figure.axes
    assert accuracy.get_ylabel() == "accuracy (%)"
    assert [list(line.get_ydata()) for line in loss.lines] == [CURVES["loss"], CURVES["val_loss"]]
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), [1, 2, 3])


def test_training_curves_keep_labels_apart_even_if_curves_meet() -> None:
    accuracy = plots.training_curves(CURVES).axes[0]
    heights = [text.xy[1] for text in accuracy.texts]
    bottom, top = accuracy.get_ylim()
    assert {text.get_text() for text in accuracy.texts} == {
        "training\n90.0 %",
        "validation\n90.0 %",
    }
    assert abs(heights[0] - heights[1]) > 0.1 * (top - bottom)


def test_training_curves_accept_the_history_of_fit(tmp_path: Path) -> None:
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
def test_expert_load_refuses_invalid_counts(count: float) -> None:
    with pytest.raises(ValueError, match="rows: expected finite counts of at least 0"):
        plots.expert_load([[1.0, count]])


def labels_of(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def test_density_histogram_counts_latents_by_density_and_never_active_ones(tmp_path: Path) -> None:
    codes = np.zeros((100, 7))
    codes[:20, :4] = 1
    codes[0, 4] = 1
    figure = plots.density_histogram(codes)
    axes = figure.axes[0]
    heights = {bar.get_x(): bar.get_height() for bar in axes.patches if bar.get_height()}
    assert sorted(heights.values()) == [1, 2, 4]
    never, rare, often = sorted(heights)
    assert (heights[never], heights[rare], heights[often]) == (2, 1, 4)
    assert rare <= np.log10(0.01) + 1e-9 < rare + 0.25
    assert often <= np.log10(0.2) < often + 0.25
    assert labels_of(axes) == ["never", "1 %", "10 %", "100 %"]
    assert texts(figure) == ["2"]
    figure.savefig(tmp_path / "density.png")
    from_measures = plots.density_histogram(measure(np.eye(100), codes, np.eye(100)))
    assert [bar.get_height() for bar in from_measures.axes[0].patches] == [
        bar.get_height() for bar in axes.patches
    ]


def test_density_histogram_draws_codes_that_are_never_active(tmp_path: Path) -> None:
    figure = plots.density_histogram(np.zeros((3, 5)))
    assert texts(figure) == ["5"]
    figure.savefig(tmp_path / "density.png")


def test_fvu_against_l0_connects_points_of_one_name_and_labels_each(tmp_path: Path) -> None:
    figure = plots.fvu_against_l0([("a", 32, 0.1), ("b", 16, 0.4), ("a", 8, 0.5)])
    axes = figure.axes[0]
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[8, 50], [32, 10]], [[16, 40]]]
    assert texts(figure) == ["a", "b"]
    assert axes.get_xscale() == "log"
    figure.savefig(tmp_path / "fvu.png")


def test_fvu_against_l0_labels_do_not_overlap() -> None:
    points = [(f"autoencoder {index}", 32 + index / 10, 0.2) for index in range(9)]
    figure = plots.fvu_against_l0(points)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(
        box.overlaps(other) for index, box in enumerate(boxes) for other in boxes[:index]
    )


@pytest.mark.parametrize("points", [[], [("a", 0, 0.1)], [("a", 3, np.nan)]])
def test_fvu_against_l0_refuses_invalid_points(points: list) -> None:
    with pytest.raises(ValueError, match="points: expected"):
        plots.fvu_against_l0(points)


def test_dictionary_images_are_scaled_by_their_own_largest_value(tmp_path: Path) -> None:
    decoder = np.zeros((5, 6))
    decoder[3] = [4, 0, 0, 0, 0, -2]
    figure = plots.dictionary_images(decoder, (2, 3), features=[3, 0])
    image = figure.axes[0].images[0]
    drawn = image.get_array().compressed()
    assert sorted(drawn[drawn != 0]) == [-0.5, 1]
    assert image.get_clim() == (-1, 1), "white, the middle, is 0"
    assert texts(figure) == ["3", "0"]
    figure.savefig(tmp_path / "dictionary.png")
    assert texts(plots.dictionary_images(decoder, (2, 3), 4)) == ["0", "1", "2", "3"]


def test_top_rows_draws_the_strongest_rows_of_each_latent(tmp_path: Path) -> None:
    x = np.arange(4.0)[:, None] * np.ones((4, 6))
    codes = np.array([[0, 1, 0], [0, 3, 0], [0, 2, 0], [0.5, 0, 0]])
    figure = plots.top_rows(x, codes, (2, 3), count=2)
    drawn = figure.axes[0].images[0].get_array()
    assert texts(figure) == ["3", "2", "0.5", "latent 1\n75 % of rows", "latent 0\n25 % of rows"]
    order = list(dict.fromkeys(drawn.compressed()))
    assert order == [1, 2, 3]
    figure.savefig(tmp_path / "top.png")
    assert texts(plots.top_rows(x, codes, (2, 3), [2])) == ["latent 2\nnever active"]


def test_reconstructions_are_drawn_below_their_originals(tmp_path: Path) -> None:
    x = np.stack([np.zeros(4), np.ones(4)])
    figure = plots.reconstructions(x, x + 0.5, (2, 2))
    image = figure.axes[0].images[0]
    assert list(dict.fromkeys(image.get_array().compressed())) == [0, 1, 0.5, 1.5]
    assert image.get_clim() == (0, 1)
    assert texts(figure)[:4] == ["row 0", "row 1", "0.25", "0.25"]
    figure.savefig(tmp_path / "reconstructions.png")


def test_images_can_have_three_channels(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((3, 2 * 5 * 3))
    figures = [
        plots.reconstructions(x, x, (2, 5, 3)),
        plots.top_rows(x, np.ones((3, 2)), (2, 5, 3)),
        plots.dictionary_images(x - 0.5, (2, 5, 3)),
    ]
    for figure in figures:
        assert figure.axes[0].images[0].get_array().shape[-1] == 3
        figure.savefig(tmp_path / "colours.png")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.reconstructions(np.ones((2, 5)), np.ones((2, 5)), (2, 3)), "x: expected"),
        (lambda: plots.reconstructions(np.ones((2, 6)), np.ones((3, 6)), (2, 3)), "y: expected 2"),
        (lambda: plots.dictionary_images(np.ones((2, 6)), (6,)), "shape: expected"),
        (lambda: plots.dictionary_images(np.ones((2, 6)), (2, 3), 0), "count: expected"),
        (
            lambda: plots.dictionary_images(np.ones((2, 6)), (2, 3), features=[2]),
            r"features: expected one or more below 2, got \[2\]",
        ),
        (lambda: plots.top_rows(np.ones((2, 6)), np.ones((3, 1)), (2, 3)), "codes: expected 2"),
        (lambda: plots.density_histogram({"fvu": 1.0}), "codes: expected the result of measure"),
    ],
)
def test_plots_of_autoencoders_refuse_wrong_shapes(draw, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'gatewise\[plots\]'"):
        plots.training_curves(CURVES)


def test_accuracy_against_zeros_draws_held_out_and_training_accuracy(tmp_path: Path) -> None:
    points = [("a", 0.9, 1.0, 0.8), ("b", 0.5, 0.75, 0.7), ("a", 0.0, 0.9, 0.85)]
    figure = plots.accuracy_against_zeros(points)
    axes = figure.axes[0]
    training, held_out, *_ = axes.lines
    np.testing.assert_allclose(training.get_xydata(), [[100, 90], [10, 100]])
    np.testing.assert_allclose(held_out.get_xydata(), [[100, 85], [10, 80]])
    assert training.get_linestyle() == "--" and held_out.get_linestyle() == "-"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    figure.savefig(tmp_path / "zeros.png")
    assert labels_of(axes) == ["0", "50", "80", "90"]
    left, right = axes.get_xlim()
    assert left > right, "zeros to the right"


def test_accuracy_against_zeros_has_a_tick_for_a_single_model() -> None:
    axes = plots.accuracy_against_zeros([("a", 0.97, 0.9, 0.9)]).axes[0]
    assert labels_of(axes) == ["90", "95", "98", "99"]


@pytest.mark.parametrize("point", [("a", 1.0, 0.9, 0.9), ("a", 0.5, 90, 0.9), ("a", 0.5, 0.9, -1)])
def test_accuracy_against_zeros_refuses_invalid_fractions(point: tuple) -> None:
    with pytest.raises(ValueError, match=r"points: expected zeros in \[0, 1\) and accuracies"):
        plots.accuracy_against_zeros([point])
    with pytest.raises(ValueError, match="points: expected at least one, got none"):
        plots.accuracy_against_zeros([])


def test_input_weights_draws_the_weight_count_of_each_pixel(tmp_path: Path) -> None:
    first = np.array([[1, 0, 2], [0, 0, 0], [1, 1, 1], [0, 0, -3]])
    figure = plots.input_weights({"first": first, "both": np.stack([first, first])}, (2, 2))
    one, two = figure.axes[:2]
    np.testing.assert_array_equal(one.images[0].get_array().filled(0), [[2, 0], [3, 1]])
    np.testing.assert_array_equal(two.images[0].get_array().filled(0), [[4, 0], [6, 2]])
    assert one.images[0].get_clim() == two.images[0].get_clim() == (0, 6)
    assert one.get_title() == "first\n3 of 4 inputs"
    figure.savefig(tmp_path / "inputs.png")


def test_input_weights_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"kernels\['a'\]: expected shape \(4, u\) or \(E, 4, u\)"):
        plots.input_weights({"a": np.zeros((3, 2))}, (2, 2))
    with pytest.raises(ValueError, match="kernels: expected at least one, got none"):
        plots.input_weights({}, (2, 2))
    with pytest.raises(TypeError, match="kernels"):
        plots.input_weights({"a": np.full((4, 2), "x")}, (2, 2))
