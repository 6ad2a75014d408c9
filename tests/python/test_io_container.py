"""The file format: complete, checked, replaced atomically."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from gatewise.io import container

_CONFIG = {"a": 1.5, "nested": {"list": [None, True, "text"]}}
_TENSORS = {
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(3, dtype=np.int64),
    "empty": np.zeros((0, 4), np.float32),
    "double": np.array([1e300, np.inf]),
    "flags": np.array([True, False]),
}


@pytest.fixture
def data():
    return container.to_bytes("weights", _CONFIG, _TENSORS)


def test_arrays_and_metadata_are_read_back_as_written(tmp_path):
    path = tmp_path / "file"
    container.write_file(path, "weights", _CONFIG, _TENSORS)
    found = container.read_file(path, "weights")
    assert found.config == _CONFIG
    assert found.tensors.keys() == _TENSORS.keys()
    for name, expected in _TENSORS.items():
        assert found.tensors[name].dtype == expected.dtype
        assert np.array_equal(found.tensors[name], expected)
        assert found.tensors[name].shape == expected.shape


def test_strided_arrays_are_made_contiguous():
    reversed_columns = _TENSORS["matrix"][:, ::-1]
    data = container.to_bytes("weights", {}, {"matrix": reversed_columns})
    found = container.from_bytes(data, "file", "weights")
    assert np.array_equal(found.tensors["matrix"], reversed_columns)


def test_the_file_is_a_valid_safetensors_file(tmp_path):
    container.write_file(tmp_path / "file", "weights", _CONFIG, _TENSORS)
    assert np.array_equal(load_file(tmp_path / "file")["matrix"], _TENSORS["matrix"])


def test_an_array_of_unsupported_dtype_is_refused():
    with pytest.raises(TypeError, match=r"dtype: expected one of F32, .* got complex128"):
        container.to_bytes("weights", {}, {"x": np.zeros(2, complex)})


def test_every_changed_bit_is_detected(data):
    for position in range(len(data)):
        for bit in (0, 7):
            altered = bytearray(data)
            altered[position] ^= 1 << bit
            with pytest.raises(ValueError, match=r"^file: "):
                container.from_bytes(bytes(altered), "file", "weights")


def test_every_truncation_is_detected(data):
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"^file: header: expected a whole safetensors file"):
            container.from_bytes(data[:length], "file", "weights")


def test_appended_bytes_are_detected(data):
    with pytest.raises(ValueError, match=r"^file: header: "):
        container.from_bytes(data + b"\0", "file", "weights")


def test_an_altered_tensor_is_reported_by_name(data):
    altered = bytearray(data)
    offset = data.index(_TENSORS["matrix"].tobytes())
    altered[offset] ^= 1
    with pytest.raises(ValueError, match=r"^file: tensor 'matrix': its checksum differs"):
        container.from_bytes(bytes(altered), "file", "weights")


def test_an_altered_configuration_is_reported(data):
    with pytest.raises(ValueError, match=r"^file: config: its checksum differs"):
        container.from_bytes(data.replace(b"text", b"next"), "file", "weights")


def test_a_foreign_file_is_refused(tmp_path):
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "foreign")
    with pytest.raises(ValueError, match=r"foreign: format: expected 'gatewise', got None"):
        container.read_file(tmp_path / "foreign", "model")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match=r"text: header: expected a whole safetensors file"):
        container.read_file(tmp_path / "text", "model")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ValueError, match=r"empty: header: .* got 0 bytes"):
        container.read_file(tmp_path / "empty", "model")


def test_a_file_of_other_content_is_refused(data):
    with pytest.raises(ValueError, match=r"content: expected 'model', got 'weights'"):
        container.from_bytes(data, "file", "model")


def test_a_later_format_version_is_refused(data):
    later = data.replace(b'"format_version":"2"', b'"format_version":"3"')
    assert later != data
    with pytest.raises(ValueError, match=r"format_version: expected 1 or 2, got '3'"):
        container.from_bytes(later, "file", "weights")


def test_missing_metadata_is_reported():
    data = save({}, {"format": "gatewise", "format_version": "1", "content": "model"})
    with pytest.raises(ValueError, match=r"file: config: expected it in the metadata, found none"):
        container.from_bytes(data, "file", "model")


def test_a_list_of_tensors_that_does_not_match_is_refused():
    metadata = {"format": "gatewise", "format_version": "1", "content": "model", "config": "{}"}
    metadata |= {"config_crc32": container.crc32_hex(b"{}"), "tensors": json.dumps({})}
    data = save({"x": np.zeros(3, np.float32)}, metadata)
    with pytest.raises(ValueError, match=r"tensors: the list does not match the file: x"):
        container.from_bytes(data, "file", "model")


def test_a_missing_file_raises_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        container.read_file(tmp_path / "none", "model")


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    container.write_file(path, "weights", {"old": 1}, {})

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"disk full"):
        container.write_file(path, "weights", {"new": 1}, {})
    assert container.read_file(path, "weights").config == {"old": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_file_and_folder_are_flushed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor)))
    container.write_file(tmp_path / "file", "weights", {}, {})
    assert [each.st_ino for each in flushed] == [
        (tmp_path / "file").stat().st_ino,
        tmp_path.stat().st_ino,
    ]


def test_writing_to_a_symbolic_link_keeps_the_link(tmp_path):
    container.write_file(tmp_path / "file", "weights", {"old": 1}, {})
    (tmp_path / "link").symlink_to(tmp_path / "file")
    container.write_file(tmp_path / "link", "weights", {"new": 1}, {})
    assert (tmp_path / "link").is_symlink()
    assert container.read_file(tmp_path / "file", "weights").config == {"new": 1}
