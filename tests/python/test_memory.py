"""Memory that calls take and give back."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
import numpy as np
import gatewise as gw

def now():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
"""


def measured(program: str) -> list[float]:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return [float(word) for word in result.stdout.split()]


def test_the_input_gradient_of_a_convolution_does_not_hold_all_patches() -> None:
    # 128 rows, 28 x 28 positions, patches of 3 x 3 x 16 values: 58 MB of gradients of patches.
    program = """
maps, width = (28, 28), 28 * 28 * 16
expert = gw.experts.Conv2D(4, map_shape=maps)
layers = [gw.layers.Dense(width), gw.SparseExpertLayer(4, num_experts=1, k=1, expert=expert)]
model = gw.Sequential([gw.Input((2,)), *layers])
model.compile("sgd", "mse")
x, y = np.ones((128, 2), np.float32), np.ones((128, 4), np.float32)
model.train_on_batch(x[:1], y[:1])
before = peak()
model.train_on_batch(x, y)
print(peak() - before)
"""
    values = 4e-6 * 128 * 28 * 28 * 16  # MB of a value of the maps
    assert measured(program)[0] < 2 * values + 30


def test_a_workspace_no_larger_than_the_parameters_is_kept() -> None:
    program = """
layer = gw.SparseExpertLayer(1024, num_experts=32, k=8, expert=gw.experts.MLP(512))
model = gw.Sequential([gw.Input((1024,)), layer])  # 134 MB of parameters
x = np.ones((2048, 1024), np.float32)
model.predict(x[:32], verbose=0)
before = now()
model.predict(x, batch_size=2048, verbose=0)  # 67 MB of outputs of experts, among others
print(now() - before)
"""
    assert measured(program)[0] > 60


def test_a_prediction_gives_a_large_workspace_back() -> None:
    program = """
model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(4096), gw.layers.Dense(1)])
x = np.ones((1 << 14, 4), np.float32)
model.predict(x[:32], verbose=0)
before = now()
model.predict(x, batch_size=1 << 14, verbose=0)  # 268 MB
print(now() - before)
"""
    assert measured(program)[0] < 40
