"""Our writer of safetensors: other readers open its files, and memory that lacks is an error."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load

from gatewise.io.safetensors import DTYPES, file_parts


def test_the_library_reads_every_type_and_shape() -> None:
    rng = np.random.default_rng(0)
    tensors = {
        f"{name} {shape}": np.ascontiguousarray(rng.integers(0, 2, shape).astype(dtype))
        for name, dtype in DTYPES.items()
        for shape in ((), (0,), (3,), (2, 0), (2, 3))
    }
    tensors = {name: array.reshape(eval(name.partition(" ")[2])) for name, array in tensors.items()}
    data = b"".join(file_parts(tensors, {"a": 'quoted "text"', "b": "ü"}))
    found = load(data)
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_values_are_aligned() -> None:
    tensors = {"a": np.ones(3, np.int8), "b": np.ones(5, np.float32), "c": np.ones(1, np.int64)}
    parts = file_parts(tensors, {})
    starts = np.cumsum([len(part) for part in parts])[:-1]
    assert [len(part) for part in parts[1:]] == [8, 20, 3]
    assert (starts[:2] % [8, 4] == 0).all()


def test_types_without_a_name_are_refused() -> None:
    with pytest.raises(TypeError, match="dtype: expected one of F32"):
        file_parts({"a": np.ones(3, np.complex64)}, {})


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the address space")
@pytest.mark.parametrize(
    ("call", "expected"),
    [("pickle.dumps(model)", "MemoryError"), ("model.save(path); gw.load_model", "saved")],
)
def test_without_memory_pickling_raises_and_saving_needs_little(call: str, expected: str) -> None:
    program = f"""
import os, pickle, resource, tempfile
import numpy as np
import gatewise as gw

model = gw.Sequential([gw.Input((4096,)), gw.layers.Dense(16384)])
weights = model.get_weights()  # 268 MB
del weights
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "m.gatewise")
    resource.setrlimit(resource.RLIMIT_AS, (used + (400 << 20), resource.RLIM_INFINITY))
    try:
        {call}
        print("saved")
    except MemoryError:
        print("MemoryError")
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300
    )
    assert result.stdout == expected + "\n", result.stderr
