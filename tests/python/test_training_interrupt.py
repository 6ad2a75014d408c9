"""Ctrl-C during training."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gatewise as gw
from training_models import assert_same_weights, make_expert_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2000, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 2000)


@pytest.fixture(autouse=True)
def ctrl_c_is_handled() -> Iterator[None]:
    """Processes that a shell starts in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("seconds", [0.05, 0.12])
def test_ctrl_c_leaves_the_model_as_after_a_complete_step(seconds: float) -> None:
    model = make_expert_model(noise=True)
    model.fit(X, Y, verbose=0)
    timer = threading.Timer(seconds, _thread.interrupt_main)

    class StartTimer(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if not timer.ident:  # only now: a step was made
                timer.start()

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**6, verbose=0, callbacks=[StartTimer()])
    timer.join()
    steps = model.optimizer.iterations

    class StopAt(gw.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = self.model.optimizer.iterations == steps

    other = make_expert_model(noise=True)
    other.fit(X, Y, verbose=0)
    other.fit(X, Y, epochs=10**6, verbose=0, callbacks=[StopAt()])
    assert other.optimizer.iterations == steps
    assert_same_weights(model, other)
    model.fit(X, Y, verbose=0)
    model.predict(X)
