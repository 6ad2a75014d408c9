"""Saving removes temporary files of killed processes, and none of a process that still writes."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import gatewise as gw
from gatewise.sae.files.folder import write_folder
from gatewise.utils.disk import locked_folder, temporary_path


def make_model() -> gw.Sequential:
    return gw.Sequential([gw.Input(shape=(3,)), gw.layers.Dense(2)])


def written_parts(folder: Path) -> list[int]:
    """Sizes of temporary files that have some bytes."""
    sizes = []
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return [size for size in sizes if size]


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def test_a_save_removes_leftovers_of_its_own_file_only(tmp_path: Path) -> None:
    target = tmp_path / "model.gatewise"
    abandoned, written = temporary_path(target), temporary_path(target)
    other = temporary_path(tmp_path / "other.gatewise")
    users = tmp_path / ".model.gatewise.backup.tmp"
    for each in (abandoned, written, other, users):
        each.write_bytes(b"part of a file")
    fresh = temporary_path(target)
    fresh.touch()  # created a moment ago, not locked yet
    with open(written, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        make_model().save(target)
    left = {"model.gatewise", written.name, other.name, users.name, fresh.name}
    assert names(tmp_path) == left
    make_model().save(target)
    assert names(tmp_path) == left - {written.name}


def test_a_killed_save_is_cleared_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "model.gatewise"
    model = make_model()
    model.save(target)
    script = f"""
        import numpy as np
        from pathlib import Path
        from gatewise.utils import disk
        while True:
            disk.replace_file(Path({str(target)!r}), [bytes(200 << 20)])
    """
    for _ in range(20):
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
        while not written_parts(tmp_path):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if written_parts(tmp_path):
            break
        for each in tmp_path.glob(".*.tmp"):  # killed before its first byte: removed when older
            each.unlink()
    assert written_parts(tmp_path), "no kill left a file"
    model.save(target)
    assert names(tmp_path) == {"model.gatewise"}
    loaded = gw.load_model(target)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_exporting_a_folder_removes_leftovers_of_that_folder_only(tmp_path: Path) -> None:
    target = tmp_path / "sae"
    abandoned, written, fresh = (temporary_path(target) for _ in range(3))
    other = temporary_path(tmp_path / "other")
    hour_ago = time.time() - 3600
    for each in (abandoned, written, fresh, other):
        each.mkdir()
        (each / "part").write_bytes(b"part of a file")
        if each is not fresh:
            os.utime(each, (hour_ago, hour_ago))
    sae = gw.SparseAutoencoder(16, gw.TopK(4), input_dim=8)
    left = {"sae", written.name, other.name, fresh.name}
    with locked_folder(written):
        sae.export_to(target, "sae_lens")
        assert names(tmp_path) == left
        sae.export_to(target, "sae_lens", overwrite=True)
        assert names(tmp_path) == left
    sae.export_to(target, "sae_lens", overwrite=True)
    assert names(tmp_path) == left - {written.name}


def test_leftovers_stay_while_they_may_be_the_only_copy(tmp_path: Path) -> None:
    target = tmp_path / "sae"
    retired = temporary_path(target)
    retired.mkdir()
    os.utime(retired, (0, 0))
    with pytest.raises(FileNotFoundError):
        write_folder(target, {"not there/part": b"1"}, overwrite=False)
    assert names(tmp_path) == {retired.name}


@pytest.mark.parametrize("length", [200, 201, 240, 255])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path: Path, length: int) -> None:
    target = tmp_path / ("n" * length)
    make_model().save(target)
    assert names(tmp_path) == {target.name}
    gw.load_model(target)
