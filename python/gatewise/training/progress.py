"""What a run shows while it works: a bar where somebody looks, lines where nobody does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from tqdm.std import tqdm

    from gatewise.callbacks.base import Logs

Verbose: TypeAlias = int | Literal["auto"]
T = TypeVar("T")

# A notebook stops showing output that comes faster than its limit; five a second is also as fast
# as anybody reads.
_SECONDS_BETWEEN_DRAWS = 0.2
_NOTEBOOK_COLUMNS = 240  # a line that is longer is cut, and its last losses with it
_NOTEBOOK_FORMAT = "{desc} {bar:16} {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}"


class Progress:
    """Shows nothing; the base of those that do.

    Attributes
    ----------
    next_draw : float
        The `time.perf_counter()` before which `draw` need not be called; infinite if never.
    """

    next_draw = float("inf")

    def say(self, line: str) -> None:
        """Shows a line before all else."""

    def begin(self, title: str, steps: int | None, done: int = 0) -> None:
        """A new epoch, test or prediction of so many steps, None if not known."""

    def draw(self, done: int, logs: Callable[[], Logs]) -> None:
        """Shows that `done` steps are behind."""

    def end(self, done: int, logs: Logs) -> None:
        """The epoch, test or prediction is over."""

    def close(self) -> None:
        """Whatever ended it, nothing more is shown."""


class LineProgress(Progress):
    """One line when an epoch or test is over."""

    def say(self, line: str) -> None:
        """Prints the line."""
        print(line, flush=True)

    def begin(self, title: str, steps: int | None, done: int = 0) -> None:
        """Starts the clock."""
        self._title = title
        self._first = done
        self._start = time.perf_counter()

    def end(self, done: int, logs: Logs) -> None:
        """Prints the line."""
        seconds = time.perf_counter() - self._start
        parts = [self._title, f"{seconds:.1f}s"]
        steps = done - self._first
        if steps:
            parts.append(f"{_duration(seconds / steps)}/step")
        parts += [f"{name}: {_format_value(value)}" for name, value in logs.items()]
        print(" - ".join(parts), flush=True)


class BarProgress(Progress):
    """A tqdm bar in a terminal for each epoch, redrawn at most five times a second.

    Parameters
    ----------
    delay : float, default 0
        Seconds before a bar appears at all.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self._delay = delay
        self._bar: tqdm[None] | None = None

    def say(self, line: str) -> None:
        """Prints the line."""
        print(line, flush=True)

    def begin(self, title: str, steps: int | None, done: int = 0) -> None:
        """Makes the bar."""
        self.close()
        self._make_bar(title, steps, done, dynamic_ncols=True)
        self.next_draw = time.perf_counter() + _SECONDS_BETWEEN_DRAWS

    def draw(self, done: int, logs: Callable[[], Logs]) -> None:
        """Moves the bar."""
        self._show(done, logs())
        self.next_draw = time.perf_counter() + _SECONDS_BETWEEN_DRAWS

    def end(self, done: int, logs: Logs) -> None:
        """Leaves the bar as it is in the end."""
        if self._bar is not None and self._bar.total is None:
            self._bar.total = done
        self._show(done, logs)
        self.close()

    def close(self) -> None:
        """Ends the bar's line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self.next_draw = float("inf")

    def _make_bar(self, title: str, steps: int | None, done: int, **look: Any) -> None:
        self._bar = _bar_class()(
            total=steps,
            initial=done,
            desc=title,
            unit="step",
            delay=self._delay,
            mininterval=0,
            miniters=1,
            **look,
        )

    def _show(self, done: int, logs: Logs) -> None:
        if self._bar is None:
            return
        shown = ", ".join(f"{name}: {_format_value(value)}" for name, value in logs.items())
        self._bar.set_postfix_str(shown, refresh=False)
        self._bar.update(done - self._bar.n)


class NotebookProgress(BarProgress):
    """One tqdm bar for all epochs of a training, with the latest losses beside it, on stdout.

    Parameters
    ----------
    epochs : int
        Epochs of the training; 1 for an evaluation or a prediction.
    delay : float, default 0
        Seconds before a bar appears at all.
    """

    def __init__(self, epochs: int = 1, delay: float = 0.0) -> None:
        super().__init__(delay)
        self._epochs = epochs
        self._before = 0
        self._last: tuple[int, Logs] | None = None

    def begin(self, title: str, steps: int | None, done: int = 0) -> None:
        """Makes the bar, or names the epoch that it has come to."""
        if self._bar is None:
            total = None if steps is None else steps * self._epochs
            self._make_bar(
                title,
                total,
                done,
                ncols=_NOTEBOOK_COLUMNS,
                bar_format=_NOTEBOOK_FORMAT,
                file=sys.stdout,
            )
        else:
            self._bar.set_description_str(title, refresh=False)
        self.next_draw = time.perf_counter() + _SECONDS_BETWEEN_DRAWS

    def end(self, done: int, logs: Logs) -> None:
        """The epoch is over; the bar stays for the next one."""
        # Short epochs are not all drawn: a notebook that is saved keeps every drawing.
        self._last = done, logs
        if time.perf_counter() >= self.next_draw:
            self._show(done, logs)
            self._last = None
        self._before += done

    def close(self) -> None:
        """Ends the bar's line."""
        if self._bar is not None:
            if self._last is not None:
                done, logs = self._last
                self._before -= done
                self._show(done, logs)
            if self._bar.total is None:
                self._bar.total = self._bar.n
        super().close()

    def _show(self, done: int, logs: Logs) -> None:
        super()._show(self._before + done, logs)


def make_progress(
    verbose: Verbose, delay: float = 0.0, lines: bool = True, epochs: int = 1
) -> Progress:
    """The progress display for `verbose`.

    Parameters
    ----------
    verbose : 0, 1, 2 or "auto"
        0 nothing; 1 a bar (lines where there is neither a terminal nor a notebook); 2 one line an
        epoch; "auto" is 1.
    epochs : int, default 1
        Epochs of a training, which share a bar in a notebook.
    delay : float, default 0
        Seconds before a bar appears at all.
    lines : bool, default True
        Whether a line is printed where there is no bar.

    Raises
    ------
    ValueError
        If `verbose` is something else.
    """
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f"verbose: expected 0, 1, 2 or 'auto', got {verbose!r}")
    if verbose == 0:
        return Progress()
    if verbose == 2 or not (in_notebook() or sys.stderr.isatty()):
        return LineProgress() if lines else Progress()
    return NotebookProgress(epochs, delay) if in_notebook() else BarProgress(delay)


def tracked(items: Sequence[T], title: str, verbose: Verbose) -> Iterator[T]:
    """The items, with a bar if they take longer than a second; no lines where there is no bar."""
    if len(items) < 2:
        yield from items
        return
    progress = make_progress(verbose, delay=1.0, lines=False)
    progress.begin(title, len(items))
    try:
        for done, item in enumerate(items):
            yield item
            if time.perf_counter() >= progress.next_draw:
                progress.draw(done + 1, dict)
        progress.end(len(items), {})
    finally:
        progress.close()


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


@lru_cache(maxsize=1)
def _bar_class() -> type[tqdm[None]]:
    from tqdm import tqdm as base

    # Without its monitor: a thread that a program which forks does not expect.
    return type("ProgressBar", (base,), {"monitor_interval": 0})


def _format_value(value: Any) -> str:
    if getattr(value, "ndim", 0):  # a metric with a number for each class
        return f"[{' '.join(map(_format_value, value.ravel()))}]"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.4e}"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
