"""Threads: the same bits for any count, limits of other libraries, and forks."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import threadpoolctl

import gatewise as gw
from gatewise import _core

RNG = np.random.default_rng(0)
X = RNG.random((400, 96), dtype=np.float32)
Y = RNG.integers(0, 10, 400).astype(np.int32)


@pytest.fixture(autouse=True)
def default_threads() -> Iterator[None]:
    yield
    gw.set_num_threads(None)


def make_model(router: object = "top_k", expert: object = None) -> gw.Sequential:
    gw.utils.set_random_seed(3)
    layer = gw.SparseExpertLayer(
        64,
        num_experts=8,
        expert=expert or gw.experts.MLP(80, activation="gelu"),
        router=router,
        activation="relu",
    )
    model = gw.Sequential(
        [gw.Input(shape=(96,)), layer, gw.layers.Dropout(0.1), gw.layers.LayerNormalization()]
    )
    model.add(gw.layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained_weights(threads: int, **parts: Any) -> list[np.ndarray]:
    gw.set_num_threads(threads)
    model = make_model(**parts)
    model.fit(X, Y, batch_size=100, epochs=3, verbose=0)
    return model.get_weights()


@pytest.mark.kernels
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"router": "noisy_top_k"},
        {"router": "all", "expert": "linear"},
        {"router": "switch", "expert": gw.experts.GLU(72)},
    ],
    ids=["top_k_mlp", "noisy_mlp", "all_linear", "switch_glu"],
)
@pytest.mark.filterwarnings("ignore::gatewise.RoutingCollapseWarning")
def test_training_has_the_same_bits_for_any_thread_count(parts: dict[str, Any]) -> None:
    alone = trained_weights(1, **parts)
    for threads in (2, 4):
        for one, other in zip(alone, trained_weights(threads, **parts), strict=True):
            assert one.tobytes() == other.tobytes()


def test_parallel_ranges_use_all_threads() -> None:
    gw.set_num_threads(3)
    assert _core.parallel_probe(64) == 3


def test_limits_of_threadpoolctl_are_read_at_each_call() -> None:
    before = gw.get_num_threads()
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert gw.get_num_threads() == 1
        assert _core.parallel_probe(64) == 1
    assert gw.get_num_threads() == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity calls")
def test_the_cpu_affinity_is_read_at_each_call() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert gw.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_thread_count_must_be_positive() -> None:
    with pytest.raises(ValueError, match="count: expected at least 1, got 0"):
        gw.set_num_threads(0)


def test_training_during_another_call_is_refused() -> None:
    model = make_model()
    model.fit(X, Y, epochs=1, verbose=0)
    started, release = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        started.set()
        release.wait(30)

    hook = gw.callbacks.LambdaCallback(on_epoch_end=wait)
    fitting = threading.Thread(
        target=lambda: model.fit(X, Y, epochs=1, verbose=0, callbacks=[hook])
    )
    fitting.start()
    try:
        assert started.wait(30)
        with pytest.raises(RuntimeError, match="fit"):
            model.fit(X, Y, epochs=1, verbose=0)
        with pytest.raises(RuntimeError, match="train"):
            model.predict(X)
    finally:
        release.set()
        fitting.join()
    assert model.predict(X).shape == (400, 10)


def predict_in_child(rows: np.ndarray) -> bytes:
    model = make_model()
    model.fit(X, Y, batch_size=200, epochs=1, verbose=0)
    return model.predict(rows).tobytes() + bytes([_core.parallel_probe(64)])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forking_pool_works_after_threads_were_used() -> None:
    gw.set_num_threads(2)
    expected = predict_in_child(X[:20])
    assert expected[-1] == 2
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(predict_in_child, [X[:20]] * 4).get(timeout=60)
    assert results == [expected] * 4
    assert predict_in_child(X[:20]) == expected


def test_the_import_order_with_scikit_learn_does_not_matter() -> None:
    code = (
        "import {0}; import {1}; import numpy as np, gatewise as gw\n"
        "from sklearn.cluster import KMeans\n"
        "KMeans(2, n_init=1).fit(np.random.rand(2000, 8))\n"
        "gw.set_num_threads(2); print(gw._core.parallel_probe(64))"
    )
    for order in (("sklearn", "gatewise"), ("gatewise", "sklearn")):
        command = [sys.executable, "-c", code.format(*order)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert done.stdout.strip() == "2"


def test_weights_cannot_be_set_while_another_thread_trains() -> None:
    model = make_model()
    model.fit(X, Y, epochs=1, verbose=0)
    weights = model.get_weights()
    refused: list[BaseException] = []

    def set_in_another_thread(*_: object) -> None:
        def attempt() -> None:
            try:
                model.set_weights(weights)
            except RuntimeError as error:
                refused.append(error)

        other = threading.Thread(target=attempt)
        other.start()
        other.join()
        model.set_weights(weights)  # a callback can

    hook = gw.callbacks.LambdaCallback(on_epoch_end=set_in_another_thread)
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[hook])
    assert len(refused) == 1


def use_in_child(model: gw.Sequential) -> None:
    model.fit(X, Y, batch_size=200, epochs=1, verbose=0)
    os._exit(0 if model.predict(X).shape == (400, 10) else 1)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_not_blocked_by_calls_of_its_parent() -> None:
    model = make_model()
    model.fit(X, Y, epochs=1, verbose=0)
    children: list[int] = []

    def fork(*_: object) -> None:
        def run() -> None:
            child = os.fork()
            if child == 0:
                use_in_child(model)
            children.append(child)

        other = threading.Thread(target=run)
        other.start()
        other.join()

    hook = gw.callbacks.LambdaCallback(on_epoch_end=fork)
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[hook])
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


def test_weights_may_be_set_and_read_while_other_threads_predict() -> None:
    model = make_model()
    weights = model.get_weights()
    expected = model.predict(X[:20], verbose=0)
    errors: list[BaseException] = []

    def use() -> None:
        for _ in range(20):
            try:
                model.set_weights(weights)
                model.get_weights()
                np.testing.assert_array_equal(model.predict(X[:20], verbose=0), expected)
            except RuntimeError:  # another thread reads while this one would write
                continue
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=use, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not errors
