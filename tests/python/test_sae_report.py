"""Reports of latents: contents, text and HTML."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from gatewise.sae.report import report

CODES = csr_array(
    np.array(
        [
            [0, 1.0, 0, 0.2],
            [0, 3.0, 0, 0.2],
            [0, 2.0, 9, 0.2],
            [0, 2.0, 0, 0.2],
        ]
    )
)
DECODER = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 1], [0, -1, 0.1]])
TEXTS = ["zero", "one", "two", "three"]


class Page(HTMLParser):
    """Collects the tags and text of a page; every opened tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in ("br", "img", "input", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_latents_are_ordered_by_the_sum_of_their_activations() -> None:
    found = report(CODES, DECODER)
    assert [feature.feature for feature in found.features] == [2, 1, 3], "0 is never active"
    assert [feature.total for feature in found.features] == pytest.approx([9, 8, 0.8])
    assert [feature.density for feature in found.features] == [0.25, 1, 1]
    assert (found.rows, found.latents, found.alive) == (4, 4, 3)
    assert [feature.feature for feature in report(CODES, DECODER, max_latents=1).features] == [2]


def test_the_strongest_rows_come_first_and_ties_go_to_the_lower_row() -> None:
    (feature,) = report(CODES, DECODER, texts=TEXTS, features=[1], rows=3).features
    assert [(found.row, found.activation, found.text) for found in feature.rows] == [
        (1, 3, "one"),
        (2, 2, "two"),
        (3, 2, "three"),
    ]


def test_neighbours_are_the_latents_of_largest_cosine() -> None:
    (feature,) = report(CODES, DECODER, features=[1], neighbours=2).features
    assert [other for other, _ in feature.neighbours] == [2, 0]
    assert [cosine for _, cosine in feature.neighbours] == pytest.approx([0.5**0.5, 0])
    (feature,) = report(CODES, DECODER, features=[1], neighbours=9).features
    assert len(feature.neighbours) == 3


def test_a_report_prints_its_results() -> None:
    assert str(report(CODES, DECODER, texts=TEXTS, features=[1, 0], rows=2, neighbours=1)) == (
        "2 of 4 latents (3 active in 4 rows)\n\n"
        "latent 1: 100 % of rows\n"
        "  near 2 (0.71)\n"
        "          3  row 1  one\n"
        "          2  row 2  two\n\n"
        "latent 0: never active\n"
        "  near 1 (0.00)"
    )


def test_html_shows_the_same_and_needs_no_other_files() -> None:
    found = report(CODES, DECODER, texts=TEXTS)
    page = Page(found._repr_html_())
    words = " ".join(page.words)
    for feature in found.features:
        for row in feature.rows:
            assert f"row {row.row}: {row.activation:.3g}" in words
            assert row.text in words
    assert {tag for tag, _ in page.tags} == {
        *("div", "p", "table", "tr", "th", "td", "b", "br", "span")
    }
    assert {name for _, attributes in page.tags for name in attributes} == {"style"}
    assert "url(" not in found._repr_html_()


def test_texts_are_escaped_and_truncated() -> None:
    texts = ["<script>alert('&')</script>", "a\n\n  b", "<img src=x>" + 500 * "y", ""]
    found = report(CODES, DECODER, texts=texts, features=[1])
    page = Page(found._repr_html_())
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert any("<script>alert('&')</script>" in word for word in page.words)
    shown = {row.row: row.text for row in found.features[0].rows}
    assert shown[1] == "a b"
    assert len(shown[2]) == 200
    assert shown[2].endswith("y…")


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3)])
def test_image_rows_are_shown_as_images(shape: tuple[int, ...]) -> None:
    image_module = pytest.importorskip("PIL.Image")
    x = np.random.default_rng(0).random((4, int(np.prod(shape))))
    x[1, 0], x[1, 1] = 0, 1
    page = Page(report(CODES, DECODER, x, features=[1], rows=1, shape=shape)._repr_html_())
    ((_, attributes),) = [tag for tag in page.tags if tag[0] == "img"]
    kind, data = re.fullmatch("data:(.*);base64,(.*)", attributes["src"]).groups()
    assert kind == "image/png"
    picture = np.asarray(image_module.open(io.BytesIO(base64.b64decode(data))))
    expected = x[1]
    if len(shape) == 2:
        expected = (expected - expected.min()) / (expected.max() - expected.min())
    np.testing.assert_array_equal(picture, np.round(255 * expected).reshape(shape))


def test_reports_can_be_empty() -> None:
    found = report(csr_array((3, 4)), DECODER)
    assert found.features == ()
    assert str(found) == "0 of 4 latents (0 active in 3 rows)"
    Page(found._repr_html_())
    Page(report(csr_array((0, 4)), DECODER, features=[2])._repr_html_())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": TEXTS[:3]}, "texts: expected 4, one for each row, got 3"),
        ({"decoder": DECODER[:2]}, r"decoder: expected shape \(4, d\), got \(2, 3\)"),
        ({"features": [1, 4]}, "features: expected latents below 4, got 4"),
        ({"rows": -1}, "rows: expected an integer >= 0, got -1"),
        ({"x": np.ones((4, 5)), "shape": (2, 3)}, r"x: expected shape \(4, 6\), got \(4, 5\)"),
        ({"x": np.ones((4, 5)), "shape": (5,)}, r"shape: expected \(height, width\)"),
    ],
)
def test_report_refuses_wrong_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        report(**{"codes": CODES, "decoder": DECODER, **arguments})


def test_a_frame_has_a_line_for_each_row() -> None:
    found = report(CODES, DECODER, texts=[f"row {at}" for at in range(CODES.shape[0])], rows=2)
    frame = found.to_frame()
    assert len(frame) == sum(len(each.rows) for each in found.features)
    assert list(frame.columns) == ["latent", "density", "total", "row", "activation", "text"]
    first = found.features[0].rows[0]
    assert tuple(frame.iloc[0][["row", "activation", "text"]]) == (
        first.row,
        first.activation,
        first.text,
    )


def test_names_of_inputs_are_shown(tmp_path: Path) -> None:
    names = [f"<input {at}>" for at in range(DECODER.shape[1])]
    found = report(CODES, DECODER, feature_names=names)
    for each in found.features:
        direction = np.abs(DECODER[each.feature])
        assert each.inputs[0][0] == names[int(direction.argmax())]
    assert "inputs <input" in str(found) and "&lt;input" in found._repr_html_()
    found.save(tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "&lt;input" in text and "<input " in text and "http" not in text
    tags = [tag for tag, _ in Page(text).tags]
    assert tags.count("input") == 1 and tags.count("script") == 1
    with pytest.raises(ValueError, match="feature_names: expected"):
        report(CODES, DECODER, feature_names=["a"])
