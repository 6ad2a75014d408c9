"""Dictionary files that are truncated, altered, foreign or malicious."""

import json
import pickle
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gatewise.sae import files

GOLDEN = Path(__file__).parents[1] / "golden" / "sae"
ONE_OF_EACH = (
    *("sae_lens-topk", "sparsify-topk", "dictionary_learning-topk"),
    *("gemma_scope-jumprelu", "sentence_transformers-topk"),
)


@pytest.fixture
def copy(tmp_path):
    def make(case: str) -> Path:
        shutil.copytree(GOLDEN / case, tmp_path / case)
        return tmp_path / case

    return make


def weights_of(folder: Path) -> Path:
    return folder / files.FORMATS[folder.name.partition("-")[0]].weights


def settings_of(folder: Path) -> Path:
    return folder / str(files.FORMATS[folder.name.partition("-")[0]].settings)


def change_settings(folder: Path, **changes) -> None:
    settings = json.loads(settings_of(folder).read_text())
    settings_of(folder).write_text(json.dumps(settings | changes))


def change_tensors(folder: Path, **changes) -> None:
    """Sets tensors; removes those whose change is None."""
    tensors = load_file(weights_of(folder)) | {
        name.replace("__", "."): value for name, value in changes.items()
    }
    kept = {name: array for name, array in tensors.items() if array is not None}
    save_file(kept, weights_of(folder))


def write_program(path: Path, program: bytes, **members: bytes) -> None:
    """Writes a PyTorch file with the given `data.pkl`."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ae/data.pkl", program)
        for name, data in members.items():
            archive.writestr(f"ae/data/{name.strip('_')}", data)


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_every_truncation_is_refused_and_the_error_names_the_file(case: str, copy) -> None:
    folder = copy(case)
    weights = weights_of(folder)
    data = weights.read_bytes()
    for length in range(0, len(data), 7):
        weights.write_bytes(data[:length])
        with pytest.raises(ValueError, match=weights.name):
            files.read(folder, case.partition("-")[0])


@pytest.mark.parametrize("case", ["dictionary_learning-topk", "gemma_scope-jumprelu"])
def test_no_changed_byte_of_an_archive_changes_a_value(case: str, copy) -> None:
    folder = copy(case)
    weights = weights_of(folder)
    expected = files.read(folder)
    data = weights.read_bytes()
    refused = 0
    for position in range(0, len(data), 5):
        altered = bytearray(data)
        altered[position] ^= 0x41
        weights.write_bytes(altered)
        try:
            found = files.read(folder)
        except ValueError as error:
            assert weights.name in str(error)
            refused += 1
            continue
        np.testing.assert_array_equal(found.encoder, expected.encoder)
        np.testing.assert_array_equal(found.decoder, expected.decoder)
    assert refused > 500


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_a_foreign_file_of_the_same_name_is_refused(case: str, copy) -> None:
    folder = copy(case)
    weights_of(folder).write_bytes(b"\x80\x02}q\x00." * 40)
    with pytest.raises(ValueError, match=f"{weights_of(folder).name}: .*expected a complete"):
        files.read(folder)


@pytest.mark.parametrize("case", [case for case in ONE_OF_EACH if "gemma" not in case])
@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "[" * 100_000])
def test_settings_that_are_no_json_object_are_refused(case: str, text: str, copy) -> None:
    folder = copy(case)
    settings_of(folder).write_text(text)
    with pytest.raises(ValueError, match=f"{settings_of(folder).name}: expected a JSON object"):
        files.read(folder, case.partition("-")[0])


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("sae_lens-topk", {"architecture": "transcoder"}, "architecture: expected one of standard"),
        ("sae_lens-topk", {"architecture": "batchtopk"}, "architecture: expected .* 'batchtopk'"),
        ("sae_lens-topk", {"normalize_activations": "layer_norm"}, "normalize_activations: "),
        ("sae_lens-topk", {"metadata": {}}, "sae_lens_version: expected 6 or later, got None"),
        ("sae_lens-topk", {"metadata": {"sae_lens_version": "5.10.3"}}, "or later, got 5.10.3"),
        ("sae_lens-topk", {"metadata": 3}, "metadata: expected an object, got 3"),
        ("sae_lens-topk", {"k": 0}, "k: expected an integer >= 1, got 0"),
        ("sae_lens-topk", {"d_in": "8"}, "d_in: expected an integer >= 1, got '8'"),
        ("sae_lens-topk", {"d_sae": 25}, r"'W_enc': expected shape \(8, 25\), got \(8, 24\)"),
        ("sae_lens-topk", {"apply_b_dec_to_input": 1}, "apply_b_dec_to_input: expected true or"),
        ("sparsify-topk", {"activation": "groupmax"}, "activation: expected one of topk, got 'gr"),
        ("sparsify-topk", {"skip_connection": True}, "skip_connection: expected false, got True"),
        ("sparsify-topk", {"signed": True}, "signed: expected false"),
        ("sparsify-topk", {"k": None}, "k: expected an integer"),
        ("sentence_transformers-topk", {"normalize": True}, "normalize: expected false, got True"),
        ("sentence_transformers-topk", {"k": 99}, r"k: expected 1 <= k <= latents \(24\), got 99"),
        ("dictionary_learning-topk", {"trainer": {}}, "trainer: dict_class: expected it in the"),
        (
            "dictionary_learning-topk",
            {"trainer": {"dict_class": "IdentityDict"}},
            "trainer: dict_class: expected one of AutoEncoder",
        ),
        (
            "dictionary_learning-topk",
            {"trainer": {"dict_class": "AutoEncoderTopK", "k": 5}},
            "trainer: k: expected 4, got 5",
        ),
        (
            "dictionary_learning-topk",
            {"trainer": {"dict_class": "AutoEncoderTopK", "dict_size": 25}},
            "trainer: dict_size: expected 24, got 25",
        ),
        (
            "dictionary_learning-topk",
            {"trainer": {"dict_class": "AutoEncoder"}},
            "tensor 'bias': expected it in the file, which has b_dec, k, threshold",
        ),
    ],
)
def test_invalid_settings_are_reported_by_name(case, changes, message, copy) -> None:
    folder = copy(case)
    change_settings(folder, **changes)
    with pytest.raises(ValueError, match=message):
        files.read(folder)


@pytest.mark.parametrize(
    ("case", "changes", "message"),
    [
        ("sae_lens-topk", {"W_dec": None}, r"'W_dec': expected it in the file, which has b_dec"),
        ("sae_lens-topk", {"b_enc": np.ones(3, np.float32)}, r"'b_enc': expected shape \(24,\)"),
        ("sae_lens-topk", {"b_enc": np.ones(24, int)}, "'b_enc': dtype: expected one of .* I64"),
        ("sae_lens-topk", {"W_skip": np.ones((8, 8))}, "expected no further ones, got W_skip"),
        ("sae_lens-topk", {"b_dec": np.full(8, np.nan)}, r"'b_dec': expected finite values"),
        ("sparsify-topk", {"W_dec": np.ones((8, 24))}, r"'W_dec': expected shape \(24, 8\)"),
        ("sparsify-topk", {"W_skip": np.ones((8, 8))}, "expected no further ones, got W_skip"),
        ("sparsify-topk", {"encoder__bias": None}, "'encoder.bias': expected it in the file"),
        (
            "sentence_transformers-topk",
            {"decoder__linear__weight": np.ones((24, 8)), "encoder__weight": np.ones((24, 8)) * 2},
            "'decoder.linear.weight': expected the values of 'encoder.weight'",
        ),
    ],
)
def test_invalid_tensors_are_reported_by_name(case, changes, message, copy) -> None:
    folder = copy(case)
    change_tensors(folder, **changes)
    with pytest.raises(ValueError, match=f"{weights_of(folder).name}: .*{message}"):
        files.read(folder)


@pytest.mark.parametrize("name", ["encoder.weight", "decoder.linear.weight"])
def test_a_tied_matrix_is_found_under_either_name(name: str, copy) -> None:
    folder = copy("sentence_transformers-topk")
    expected = files.read(folder)
    tensors = load_file(weights_of(folder))
    matrices = [tensors.pop(each) for each in list(tensors) if each.endswith(".weight")]
    save_file({**tensors, name: matrices[0]}, weights_of(folder))
    np.testing.assert_array_equal(files.read(folder).decoder, expected.decoder)


def test_arrays_of_objects_are_not_unpickled(copy, tmp_path: Path) -> None:
    folder = copy("gemma_scope-jumprelu")
    arrays = dict(np.load(folder / "params.npz"))
    np.savez(folder / "params.npz", **arrays | {"b_dec": np.array([_Touch(tmp_path / "touched")])})
    with pytest.raises(ValueError, match=r"params\.npz: b_dec\.npy: expected a complete array"):
        files.read(folder)
    assert not (tmp_path / "touched").exists()


class _Touch:
    """An object that creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("wrap", [list, lambda it: {"a": it[0]}, lambda it: OrderedDict(a=it[0])])
@pytest.mark.parametrize("protocol", range(6))
def test_calls_in_a_pytorch_file_are_never_executed(
    wrap, protocol: int, copy, tmp_path: Path
) -> None:
    folder, target = copy("dictionary_learning-topk"), tmp_path / "touched"
    program = pickle.dumps(wrap([_Touch(target)]), protocol)
    pickle.loads(program)
    assert target.exists(), "the program does what is feared"
    target.unlink()
    write_program(folder / "ae.pt", program)
    with pytest.raises(ValueError, match=r"ae\.pt: data\.pkl: expected only tensors"):
        files.read(folder)
    assert not target.exists()


_CALL = b"(X\x04\x00\x00\x00trueios\nsystem\n."
"""The instruction INST, which imports and calls in one step."""
_STORAGE = b"(X\x07\x00\x00\x00storagectorch\n%s\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
_FLOATS = _STORAGE % b"FloatStorage"


def view(shape: bytes, strides: bytes, offset: bytes = b"K\x00", storage: bytes = _FLOATS) -> bytes:
    """A program for `{"a": a view of a storage of four floats}`."""
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + shape + strides
    return b"}X\x01\x00\x00\x00a" + call + b"\x89}tRs."


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_CALL, "expected only tensors, got the instruction INST"),
        (b"", "data.pkl: "),
        (b".", "expected the state of a module, got a damaged one"),
        (b"}", "data.pkl: "),
        (b"}K\x01K\x02s.", "expected names as keys, got 1"),
        (b"K\x01.", "expected a dictionary of tensors, got 1"),
        (b"}X\x01\x00\x00\x00aK\x01s.", "a: expected a tensor, got 1"),
        (b"K\x01X\x01\x00\x00\x00aK\x01s.", "expected a dictionary to store values in"),
        (b"h\x05.", "expected the state of a module, got a damaged one"),
        (b"t.", "expected the state of a module, got a damaged one"),
        (b"K\x01\x85R.", "expected the state of a module, got a damaged one"),
        (b"K\x01K\x02R.", "expected only tensors, got a call of 1"),
        (b"K\x01Q.", "expected a storage of torch FloatStorage"),
        (view(b"K\x05\x85", b"K\x01\x85"), "expected at most 4 values, got"),
        (view(b"K\x02K\x02\x86", b"K\x03K\x01\x86"), "ae.pt: "),
        (view(b"K\x03\x85", b"K\x01\x85", b"K\x02"), "ae.pt: "),
        (view(b"K\x04\x85", b"J\xff\xff\xff\xff\x85"), "got a call of .*_rebuild_tensor_v2"),
        (view(b"J\xff\xff\xff\xff\x85", b"K\x01\x85"), "got a call of .*_rebuild_tensor_v2"),
        (view(b"K\x04\x85", b"\x8a\x09" + bytes(8) + b"\x01\x85"), "got a call of"),
        (b"}" + b"K\x01" + b"\x85" * 100_000 + b".", "expected a dictionary of tensors, got|ae.pt"),
        (view(b"K\x04\x85", b"K\x01\x85", b"J\xff\xff\xff\xff"), "got a call of"),
        (view(b"K\x04\x85", b"K\x01\x85", storage=_STORAGE % b"Quantized"), "expected a storage"),
        (view(b"K\x04\x85", b"K\x01\x85", storage=_STORAGE % b"LongStorage"), "expected 4 of I64"),
    ],
)
def test_pytorch_programs_that_do_not_build_tensors_are_refused(program, message, copy) -> None:
    folder = copy("dictionary_learning-topk")
    write_program(folder / "ae.pt", program, _0=bytes(16))
    with pytest.raises(ValueError, match=message):
        files.read(folder)


def test_a_view_inside_its_storage_is_read_by_its_strides(copy) -> None:
    from gatewise.sae.files.torch_file import read_torch_file

    path = copy("dictionary_learning-topk") / "ae.pt"
    values = np.arange(4, dtype=np.float32)
    write_program(path, view(b"K\x02K\x02\x86", b"K\x01K\x02\x86"), _0=values.tobytes())
    np.testing.assert_array_equal(read_torch_file(path).take("a", (2, 2)), [[0, 2], [1, 3]])


def test_a_compressed_archive_is_refused(copy) -> None:
    path = copy("dictionary_learning-topk") / "ae.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ae/data.pkl", b"}." + bytes(1 << 20))
    with pytest.raises(ValueError, match=r"data\.pkl: expected at most 16777216 bytes, not comp"):
        files.read(path.parent)


def test_a_backup_of_a_training_run_is_refused(copy) -> None:
    folder = copy("dictionary_learning-topk")
    write_program(folder / "ae.pt", pickle.dumps({"step": 3, "ae": {}}, 2))
    with pytest.raises(ValueError, match=r"data\.pkl: step: expected a tensor, got 3"):
        files.read(folder)
