"""Batches for epochs, from a source that gives them in passes."""

from __future__ import annotations

from collections.abc import Iterator

from gatewise import _core
from gatewise.data.sources import Batch, BatchSource
from gatewise.registry import Config
from gatewise.utils.streams import SHUFFLES
from gatewise.utils.warn import warn_user


class EndOfDataWarning(UserWarning):
    """x gave fewer batches than `steps_per_epoch` and `epochs` ask for."""


class TrainingFeed:
    """The batches of one epoch after the other.

    Without `steps_per_epoch` an epoch is a pass over the data. With it an epoch is so many batches,
    and goes on where the last one ended; as in Keras, it ends with a warning when the pass is over,
    and the next one begins another pass. The shuffle of a pass is numbered by the training steps
    before it, so that each one ever made is another.

    Parameters
    ----------
    source : BatchSource
        Where batches come from.
    trainer : Trainer
        Counts the steps.
    steps_per_epoch : int or None
        See above.
    """

    def __init__(
        self, source: BatchSource, trainer: _core.Trainer, steps_per_epoch: int | None
    ) -> None:
        self._source = source
        self._trainer = trainer
        self._steps_per_epoch = steps_per_epoch
        self._pass: Iterator[Batch] | None = None
        self._stream = 0
        self._batches_drawn = 0
        self._resuming = False
        self._warned_short = False
        self.exhausted = False
        """Whether an iterator ended before the epochs did."""

    @property
    def steps(self) -> int | None:
        """Batches of an epoch, if known."""
        return self._steps_per_epoch or self._source.steps

    def position(self) -> Config:
        """The position in the data, after the last batch drawn."""
        pass_started = self._pass is not None or self._resuming
        return {
            "stream": self._stream,
            "batches_drawn": self._batches_drawn,
            "pass_started": pass_started,
        }

    def set_position(self, position: Config) -> None:
        """Restores a result of `position`: the batches before it are skipped."""
        self._pass = None
        self._stream, self._batches_drawn = position["stream"], position["batches_drawn"]
        self._resuming = position["pass_started"]

    def epoch(self, seed: int, done: int) -> Iterator[Batch]:
        """The batches of an epoch of which `done` have been used already."""
        limit = self._steps_per_epoch
        while limit is None or done < limit:
            starts_pass = self._pass is None and not self._resuming
            batches = self._current_pass(seed)
            for batch in batches:
                self._batches_drawn += 1
                done += 1
                yield batch
                if done == limit:
                    return
            self._pass = None
            if limit is None:
                self.exhausted = done == 0
                return
            if self._source.one_shot or (starts_pass and self._batches_drawn == 0):
                self.exhausted = True
                return
            if done > 0:
                self._warn_short(done)
                return

    def warn_exhausted(self) -> None:
        """Tells that the iterator ended."""
        warn_user(
            "x: the iterator ended before the epochs did, so training stops here; expected at "
            "least steps_per_epoch * epochs batches, or an iterable that can be iterated "
            "repeatedly",
            EndOfDataWarning,
        )

    def _warn_short(self, done: int) -> None:
        if not self._warned_short:
            warn_user(
                f"steps_per_epoch: expected at most the batches left of x, got "
                f"{self._steps_per_epoch}; the epoch ended after {done}, and so may later ones",
                EndOfDataWarning,
            )
        self._warned_short = True

    def _current_pass(self, seed: int) -> Iterator[Batch]:
        if self._pass is None:
            skip = self._batches_drawn if self._resuming else 0
            if not self._resuming:
                self._stream = SHUFFLES.at(self._trainer.steps)
            self._batches_drawn, self._resuming = skip, False
            self._pass = self._source.start_pass(seed, self._stream, skip)
        return self._pass


class TestFeed:
    """The batches of each of several tests on the same source.

    Every test begins with the first row of arrays; an iterator continues.

    Parameters
    ----------
    source : BatchSource
        Where batches come from.
    steps : int or None
        Batches of a test; all of them if None.
    """

    __test__ = False  # Its name must not make pytest collect it.

    def __init__(self, source: BatchSource, steps: int | None) -> None:
        self._source = source
        self._limit = steps
        self._one_shot: Iterator[Batch] | None = None
        self.batches_drawn = 0

    @property
    def steps(self) -> int | None:
        """Batches of a test, if known."""
        known = self._source.steps
        if self._limit is None or known is None or self._source.one_shot:
            return self._limit if self._limit is not None else known
        return min(self._limit, known)

    def batches(self) -> Iterator[Batch]:
        """The batches of one test."""
        batches = self._begin()
        for count, batch in enumerate(batches, start=1):
            self.batches_drawn += 1
            yield batch
            if count == self._limit:
                return

    def _begin(self) -> Iterator[Batch]:
        if not self._source.one_shot:
            return self._source.start_pass(0, 0)
        if self._one_shot is None:
            self._one_shot = self._source.start_pass(0, 0, self.batches_drawn)
        return self._one_shot
