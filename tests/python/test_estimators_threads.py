"""Ensembles of an estimator are trained at the same time, with a share of the threads each."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import gatewise as gw
from gatewise.estimators.threads import at_once

X = np.random.default_rng(0).normal(size=(200, 4))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = gw.get_num_threads()
    gw.set_num_threads(4)
    yield
    gw.set_num_threads(before)


def models(count: int) -> list[Any]:
    return [SimpleNamespace(stop_training=False) for _ in range(count)]


@pytest.mark.parametrize(("count", "share"), [(2, 2), (3, 1), (6, 1), (1, 4)])
def test_each_training_has_its_share_of_the_threads(count: int, share: int) -> None:
    found = at_once(lambda number: (number, gw.get_num_threads()), models(count))
    assert found == [(number, share) for number in range(count)]
    assert gw.get_num_threads() == 4


def test_trainings_run_at_the_same_time() -> None:
    barrier = threading.Barrier(3)
    at_once(lambda number: barrier.wait(timeout=30), models(3))


def test_one_thread_trains_one_after_the_other() -> None:
    gw.set_num_threads(1)
    assert at_once(lambda _: threading.get_ident(), models(2)) == [threading.get_ident()] * 2


def test_an_error_stops_the_other_trainings() -> None:
    given, begun = models(6), threading.Event()
    stopped = []

    def train(number: int) -> None:
        if number == 0:
            begun.wait(30)
            raise ValueError("no rows")
        begun.set()
        end = time.monotonic() + 30
        while not given[number].stop_training and time.monotonic() < end:
            time.sleep(0.001)
        stopped.append(given[number].stop_training)

    with pytest.raises(ValueError, match="no rows"):
        at_once(train, given)
    assert stopped and all(stopped)


def test_an_interrupt_ends_a_fit_and_leaves_the_estimator_unfitted() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    model = gw.SparseExpertClassifier(max_iter=10**6, n_iter_no_change=10**6, random_state=0)
    try:
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, LABELS)
        assert time.monotonic() - started < 20
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert not hasattr(model, "models_")
    assert threading.active_count() == 1


@pytest.mark.parametrize("verbose", [0, 1])
def test_fits_at_once_and_one_after_the_other_give_the_same_bits(verbose: int) -> None:
    settings = {"max_iter": 5, "n_estimators": 3, "hidden_units": 8, "random_state": 0}
    model = gw.SparseExpertClassifier(**settings, verbose=verbose).fit(X, LABELS)
    expected = gw.SparseExpertClassifier(**settings, n_jobs=1).fit(X, LABELS)
    assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert model.histories_ == expected.histories_
