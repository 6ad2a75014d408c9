"""The installed package: import, instruction-set level and contents."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise import _core, _levels, _probe

WHEEL_BYTES = 5_000_000


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_adds_less_time_than_numpy_takes() -> None:
    # The limit is 200 ms on a machine where NumPy takes 100. Measured is the processor time of the
    # importing thread, best of several: other work (such as a BLAS that starts threads) only adds
    # time, and a slow machine slows both.
    code = (
        "from time import thread_time as now; a = now(); import numpy; b = now(); "
        "import gatewise; print(b - a, now() - b)"
    )
    times = [[float(word) for word in run_python(code).stdout.split()] for _ in range(9)]
    numpy_seconds, own_seconds = (min(column) for column in zip(*times, strict=True))
    assert own_seconds < numpy_seconds


def test_import_does_not_load_optional_and_slow_packages() -> None:
    code = "import gatewise, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = run_python(code).stdout.split()
    assert "numpy" in loaded
    assert {"scipy", "matplotlib", "tqdm", "sklearn", "pandas", "mlxtend"}.isdisjoint(loaded)


def test_every_public_name_exists() -> None:
    assert set(gw.__all__) <= set(dir(gw))
    for name in gw.__all__:
        assert getattr(gw, name) is not None
    with pytest.raises(AttributeError, match="module 'gatewise' has no attribute 'nothing'"):
        gw.nothing  # noqa: B018


def test_modules_can_be_imported_like_those_of_keras() -> None:
    from gatewise.callbacks import EarlyStopping  # noqa: F401
    from gatewise.layers import Dense, Input  # noqa: F401
    from gatewise.models import Model, Sequential  # noqa: F401
    from gatewise.optimizers import Adam  # noqa: F401
    from gatewise.regularizers import l1  # noqa: F401


def test_the_loader_prefers_the_newest_level() -> None:
    code = "from gatewise import _core; print(_core.isa_level(), _core.__name__)"
    level = next(name for name in ("v4", "v3", "v2", "baseline") if name in _levels.available())
    assert run_python(code, GATEWISE_ISA="").stdout.split() == [level, f"gatewise._core_{level}"]


@pytest.mark.parametrize("level", _levels.available())
def test_the_environment_forces_a_level_that_can_run(level: str) -> None:
    result = run_python("from gatewise import _core; print(_core.isa_level())", GATEWISE_ISA=level)
    assert result.stdout.strip() == level


@pytest.mark.parametrize("level", ["v9", "V3", "avx2"])
def test_the_environment_cannot_force_another_level(level: str) -> None:
    result = run_python("import gatewise", GATEWISE_ISA=level)
    names = ", ".join(_probe.levels())
    assert result.returncode == 1
    assert result.stderr.strip().endswith(
        "ImportError: GATEWISE_ISA: expected a level that this processor and system can run "
        f"({names}), got {level!r}"
    )


def test_a_level_that_was_not_built_names_the_setting_that_builds_it() -> None:
    message = (
        "GATEWISE_ISA: expected a level that was built (v2), got 'v3'; GATEWISE_LEVELS=v3 pip "
        "install builds it"
    )
    with pytest.raises(ImportError, match=re.escape(message)):
        _levels.choose("v3", ["v2"], ["v2", "v3"])


def test_a_build_for_a_newer_processor_names_the_setting_that_builds_for_this_one() -> None:
    message = (
        "gatewise: was built for v4, and this processor runs baseline, v2; GATEWISE_LEVELS=native "
        "pip install builds the newest of them"
    )
    with pytest.raises(ImportError, match=re.escape(message)):
        _levels.choose("", ["v4"], ["baseline", "v2"])


@pytest.mark.parametrize(
    ("built", "runnable", "expected"),
    [
        (["v2", "v3", "v4"], ["v2", "v3"], "v3"),
        (["v3"], ["v2", "v3", "v4"], "v3"),
        (["v2", "v3", "v4"], ["v2", "v3", "v4"], "v4"),
        (["baseline"], ["baseline"], "baseline"),
        (["baseline", "v2"], ["baseline"], "baseline"),
        (["baseline", "v2"], ["baseline", "v2", "v3"], "v2"),
    ],
)
def test_the_newest_level_that_was_built_and_runs_is_chosen(
    built: list[str], runnable: list[str], expected: str
) -> None:
    assert _levels.choose("", built, runnable) == expected


@pytest.mark.skipif(platform.machine() != "x86_64", reason="levels are those of x86-64")
def test_runnable_levels_agree_with_the_system() -> None:
    flags = set(Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split())
    needs = {
        "v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
        "v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"},
        "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    }
    expected, have = ["baseline"], True
    for level, wanted in needs.items():
        have = have and wanted <= flags
        expected += [level] if have else []
    assert _probe.levels() == expected


def test_show_config_prints_and_returns_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    config = gw.show_config()
    printed = capsys.readouterr().out
    assert set(config) == {
        *("gatewise", "level", "levels_available", "threads", "int8", "bfloat16"),
        *("compiler", "openmp", "eigen", "numpy"),
    }
    assert config["gatewise"] == gw.__version__ == importlib.metadata.version("gatewise")
    assert config["level"] == _core.isa_level()
    assert config["level"] in config["levels_available"]
    assert config["numpy"] == np.__version__
    assert config["int8"] in ("AMX", "VNNI", "pairs")
    for name in ("int8", "compiler", "openmp", "eigen"):
        assert config[name] and config[name] in printed
    assert len(printed.splitlines()) == len(config)


def test_the_thread_count_can_be_set_and_reset() -> None:
    before = gw.get_num_threads()
    try:
        gw.set_num_threads(3)
        assert gw.get_num_threads() == 3
    finally:
        gw.set_num_threads(None)
    assert gw.get_num_threads() == before


def test_the_thread_count_follows_the_limit_of_openmp() -> None:
    code = "import gatewise; print(gatewise.get_num_threads())"
    assert run_python(code, OMP_NUM_THREADS="1").stdout.strip() == "1"


@pytest.mark.parametrize("count", [0, -2])
def test_set_num_threads_refuses_a_count_below_one(count: int) -> None:
    with pytest.raises(ValueError, match=f"count: expected at least 1, got {count}"):
        gw.set_num_threads(count)


@pytest.mark.parametrize("count", ["2", 2.0, True])
def test_set_num_threads_refuses_non_integers(count: object) -> None:
    with pytest.raises(TypeError, match="count: expected an integer or None, got "):
        gw.set_num_threads(count)


def test_the_package_contains_its_types_and_is_small() -> None:
    folder = Path(gw.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()
    assert (folder / "_probe.pyi").is_file()
    extensions = [Path(_core.__file__), Path(_probe.__file__)]
    others = [*Path(_core.__file__).parent.glob("_core_*.so"), *folder.rglob("*.py*")]
    files = {path for path in [*extensions, *others] if "__pycache__" not in path.parts}
    # Compressed as in a wheel.
    assert sum(len(zlib.compress(path.read_bytes(), 6)) for path in files) < WHEEL_BYTES


def test_the_package_contains_its_benchmarks() -> None:
    command = [sys.executable, "-m", "gatewise.benchmarks", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "forward n=4096 d=256 h=512 E=16 k=2\n" in listed
    from gatewise import cli

    assert cli.main(["bench", "--list", "--only", "step n=32 "]) == 0


def test_the_distribution_names_its_few_dependencies() -> None:
    required = importlib.metadata.requires("gatewise") or []
    hard = {line.split(">")[0].split("=")[0].strip() for line in required if "extra" not in line}
    assert hard == {"numpy", "scipy", "safetensors", "tqdm"}
    extras = set(importlib.metadata.metadata("gatewise").get_all("Provides-Extra") or [])
    assert {"demo", "plots", "test"} <= extras
