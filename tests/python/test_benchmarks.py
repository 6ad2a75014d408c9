"""`gatewise bench` runs, even without other libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatewise import _core

ROOT = Path(__file__).parents[2]

# Hides PyTorch even if it is installed.
WITHOUT_TORCH = (
    "import runpy, sys; sys.modules['torch'] = None; sys.argv = ['benchmarks', *sys.argv[1:]]; "
    "runpy.run_module('benchmarks', run_name='__main__')"
)


def run_bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *options],
        cwd=ROOT,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_bench_measures_the_machine_and_gatewise_without_other_libraries() -> None:
    result = run_bench("--quick", "--threads", "2", "--rounds", "1")
    assert result.returncode == 0, result.stderr
    for line in ("processor ", "threads     2", "date ", "peak ", "bandwidth "):
        assert f"\n{line}" in f"\n{result.stdout}"
    assert f"level       {_core.isa_level()} (of " in result.stdout
    assert "pip install 'gatewise[bench]'" in result.stdout
    for title in (
        "forward n=64 ",
        "forward n=1 ",
        "step n=64 ",
        "step n=1 ",
        "precision n=1 ",
        "storage n=1 ",
    ):
        assert f"\n{title}" in result.stdout
    assert result.stdout.count("gatewise, 2 threads") == 4
    for storage in ("float32", "mixed_bfloat16", "bfloat16", "int8", "int4"):
        assert f"\ngatewise {storage}, 2 threads" in result.stdout
    assert "PyTorch " not in result.stdout.partition("\nforward")[2]


def test_bench_lists_tables_and_runs_selected_ones() -> None:
    listed = run_bench("--list").stdout.splitlines()
    assert "forward n=4096 d=256 h=512 E=16 k=2" in listed
    assert "step n=32 d=256 h=512 E=16 k=2" in listed
    assert len(listed) == len(set(listed)) == 15
    assert run_bench("--list", "--only", "forward n=1 ").stdout == f"{listed[4]}\n"
    assert "storage n=2048 d=2048 h=1024 E=16 k=4" in listed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "nothing"), "--only: no table has 'nothing' in its name"),
        (("--rounds", "0"), "argument --rounds: expected at least 1, got 0"),
        (("--threads", "0"), "argument --threads: expected at least 1, got 0"),
    ],
)
def test_bench_refuses_invalid_options(options: tuple[str, ...], message: str) -> None:
    result = run_bench(*options)
    assert result.returncode == 2
    assert message in result.stderr
