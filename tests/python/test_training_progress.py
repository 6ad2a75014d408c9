"""Progress output: bars in a terminal, lines in a log, nothing with verbose=0."""

from __future__ import annotations

import io
import sys
import time
import types
from typing import Any

import pytest

from gatewise.training import progress
from training_models import make_data, make_model

X, Y = make_data()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_verbose_0_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    model.fit(X, Y, epochs=2, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_a_log_gets_one_line_per_epoch(capfd: pytest.CaptureFixture[str], verbose: Any) -> None:
    make_model().fit(X, Y, epochs=3, validation_split=0.2, verbose=verbose)
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    for name in ("loss: ", "accuracy: ", "val_loss: ", "val_accuracy: ", "/step"):
        assert name in lines[0]


def test_evaluate_prints_one_line_and_predict_none(capfd: pytest.CaptureFixture[str]) -> None:
    model = make_model()
    model.evaluate(X, Y)
    model.predict(X)
    model.predict(X.astype(float))
    out = capfd.readouterr().out.splitlines()
    assert len(out) == 1 and out[0].startswith("evaluate - ")


def test_a_terminal_shows_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make_model().fit(X, Y, epochs=2, validation_split=0.2, verbose="auto")
    shown = terminal.getvalue()
    assert "Epoch 1/2: 100%" in shown and "Epoch 2/2: 100%" in shown
    assert "val_loss: " in shown


def test_verbose_2_prints_lines_in_a_terminal_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make_model().fit(X, Y, epochs=2, verbose=2)
    assert terminal.getvalue() == ""
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_bars_are_drawn_at_most_five_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = progress.BarProgress()
    start = time.perf_counter()
    bar.begin("Epoch 1/1", 10**9)
    drawn = 0
    while time.perf_counter() - start < 0.9:
        if time.perf_counter() >= bar.next_draw:
            bar.draw(drawn + 1, lambda: {"loss": 1.0})
            drawn += 1
    bar.end(10, {"loss": 1.0})
    assert 2 <= drawn <= 4
    assert terminal.getvalue().count("\r") <= drawn + 4


def test_bars_of_unknown_length_end_full(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    batches = ((X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10))
    make_model().fit(batches, verbose=1)
    assert "5/5" in terminal.getvalue()


def test_short_predictions_show_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make_model().predict(X.astype(float), verbose=1)
    assert "predict" not in terminal.getvalue()


def test_bars_start_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(sys, "stderr", Terminal())
    before = threading.active_count()
    bar = progress.BarProgress()
    bar.begin("Epoch", 3)
    assert threading.active_count() == before
    bar.close()


def test_a_notebook_is_detected_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = types.SimpleNamespace(config={"IPKernelApp": {}})
    module: Any = types.ModuleType("IPython")
    module.get_ipython = lambda: kernel
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert progress.in_notebook()
    assert isinstance(progress.make_progress("auto"), progress.BarProgress)
    kernel.config = {}
    assert not progress.in_notebook()


def test_an_error_closes_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="batch 1"):
        make_model().fit(iter([(X, Y), (X[:0], Y[:0])]), verbose=1)
    assert terminal.getvalue().endswith("\n")
