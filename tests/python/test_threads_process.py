"""Threads of a process: bound ones, the one that gets signals, forks beside calls, the end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MODEL = """
import os, signal, sys, threading, time
import numpy as np
import gatewise as gw
from gatewise import _core

def make_model(units=64):
    gw.utils.set_random_seed(0)
    expert = gw.SparseExpertLayer(units, num_experts=4, k=2)
    return gw.Sequential([gw.Input((32,)), expert, gw.layers.Dense(4)])

X = np.ones((64, 32), np.float32)
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


PROCESSORS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
COUNT = MODEL + "print(gw.get_num_threads(), _core.parallel_probe(64))"


@pytest.mark.skipif(len(PROCESSORS) < 2, reason="needs two processors")
@pytest.mark.parametrize("setting", [{"OMP_PROC_BIND": "true"}, {"OMP_PLACES": "threads"}])
def test_bound_threads_are_all_used(setting: dict[str, str]) -> None:
    free, bound = run(COUNT), run(COUNT, **setting)
    assert bound.stdout == free.stdout, bound.stderr
    assert int(free.stdout.split()[0]) >= 2


@pytest.mark.skipif(len(PROCESSORS) < 2, reason="needs two processors")
def test_the_processors_of_gomp_cpu_affinity_are_all_used() -> None:
    result = run(COUNT, GOMP_CPU_AFFINITY=f"{PROCESSORS[0]} {PROCESSORS[1]}")
    assert result.stdout == "2 2\n", result.stderr


def test_ctrl_c_stops_a_call_of_the_main_thread_wherever_the_package_was_imported() -> None:
    program = """
import os, signal, threading, time
def load():
    global gw, np
    import numpy as np
    import gatewise as gw
worker = threading.Thread(target=load)
worker.start()
worker.join()
model = gw.Sequential([gw.Input((256,)), gw.layers.Dense(4096), gw.layers.Dense(4096)])
x = np.ones((1 << 15, 256), np.float32)
signal.signal(signal.SIGINT, signal.default_int_handler)
signalled = []
def interrupt():
    signalled.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(0.5, interrupt).start()
try:
    while True:  # one call takes seconds on few cores
        model.predict(x, batch_size=1 << 15, verbose=0)
except KeyboardInterrupt:
    print("stopped" if time.perf_counter() - signalled[0] < 2 else "late")
"""
    assert run(program).stdout == "stopped\n"


def test_a_fork_beside_calls_of_other_threads_gives_children_that_predict() -> None:
    # Before locks were held over a fork, 2 of 100 children waited forever.
    program = (
        MODEL
        + """
model = make_model()
expected = model.predict(X, verbose=0)
stopped = threading.Event()
def predict():
    while not stopped.is_set():
        model.predict(X, verbose=0)
threads = [threading.Thread(target=predict) for _ in range(3)]
for each in threads:
    each.start()
hung = failed = 0
for _ in range(150):
    child = os.fork()
    if child == 0:
        os._exit(int(not np.array_equal(model.predict(X, verbose=0), expected)))
    deadline = time.monotonic() + 10
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            failed += status != 0
            break
        if time.monotonic() > deadline:
            hung += 1
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            break
        time.sleep(0.001)
stopped.set()
for each in threads:
    each.join()
print(hung, failed)
"""
    )
    result = run(program)
    assert result.stdout == "0 0\n", result.stderr


@pytest.mark.parametrize("call", ["model.predict(x, verbose=0)", "model.fit(x, y, verbose=0)"])
def test_a_daemon_thread_in_the_core_does_not_abort_the_end_of_the_process(call: str) -> None:
    program = (
        MODEL
        + f"""
model = make_model(512)
model.compile("adam", "mse")
x, y = np.ones((20000, 32), np.float32), np.ones((20000, 4), np.float32)
def work():
    while True:
        {call}
threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
print("end")
"""
    )
    for _ in range(3):
        result = run(program)
        assert (result.returncode, result.stdout) == (0, "end\n"), result.stderr
