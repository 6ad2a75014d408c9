"""Dictionaries in other projects' formats: reading, writing and errors."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gatewise.sae import files
from gatewise.sae.files import StoredDictionary

GOLDEN = Path(__file__).parents[1] / "golden" / "sae"
CASES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
WRITABLE = ("sae_lens", "sparsify")
ARRAYS = ("encoder", "encoder_bias", "decoder", "decoder_bias", "center")
D, M = 8, 24


def format_of(case: str) -> str:
    return case.partition("-")[0]


def arrays_of(stored: StoredDictionary) -> dict[str, np.ndarray]:
    return {name: getattr(stored, name) for name in ARRAYS} | dict(stored.activation.arrays())


def assert_same(one: StoredDictionary, other: StoredDictionary) -> None:
    """Checks that arrays are bitwise equal and settings are equal."""
    assert arrays_of(one).keys() == arrays_of(other).keys()
    for name, array in arrays_of(one).items():
        np.testing.assert_array_equal(array, arrays_of(other)[name], err_msg=name)
    assert one.subtract_bias == other.subtract_bias
    assert type(one.activation) is type(other.activation)
    for name in ("k", "threshold"):
        values = [getattr(stored.activation, name, None) for stored in (one, other)]
        assert np.array_equal(*values)


def random_stored(activation: str = "top_k", **changes) -> StoredDictionary:
    rng = np.random.default_rng(3)
    activations = {
        "top_k": lambda: files.StoredTopK(4),
        "batch_top_k": lambda: files.StoredBatchTopK(4, 0.5),
        "relu": files.StoredRelu,
        "jump_relu": lambda: files.StoredJumpRelu(rng.uniform(0.1, 1, M)),
        "gated": lambda: files.StoredGated(*rng.normal(size=(3, M)) / 2),
    }
    settings = {
        "encoder": rng.normal(size=(D, M)),
        "encoder_bias": rng.normal(size=M) / 2,
        "decoder": rng.normal(size=(M, D)),
        "decoder_bias": rng.normal(size=D),
        "activation": activations[activation](),
    }
    return StoredDictionary(**(settings | changes))


def rows() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(50, D)).astype(np.float32)


def assert_gives_the_same(one: StoredDictionary, other: StoredDictionary) -> None:
    z = one.encode(rows())
    assert 0 < np.count_nonzero(z) < z.size
    np.testing.assert_allclose(other.encode(rows()), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(other.decode(z), one.decode(z), rtol=1e-4, atol=1e-5)


@pytest.mark.golden
@pytest.mark.parametrize("case", CASES)
def test_codes_and_reconstructions_agree_with_the_package_that_saved_the_file(case: str) -> None:
    stored = files.read(GOLDEN / case)
    expected = np.load(GOLDEN / case / "expected.npz")
    codes = stored.encode(expected["x"])
    np.testing.assert_array_equal(codes > 0, expected["codes"] > 0)
    # Float32 sums of 8 and 24 products against float64 ones.
    np.testing.assert_allclose(codes, expected["codes"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(stored.decode(codes), expected["rows"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_format_is_recognised_and_kept(case: str) -> None:
    assert files.read(GOLDEN / case).metadata["format"] == format_of(case)
    weights = GOLDEN / case / files.FORMATS[format_of(case)].weights
    assert_same(files.read(weights), files.read(GOLDEN / case, format_of(case)))


@pytest.mark.parametrize("case", [case for case in CASES if format_of(case) in WRITABLE])
def test_a_file_that_is_written_back_has_the_same_bits_and_settings(
    case: str, tmp_path: Path
) -> None:
    stored = files.read(GOLDEN / case)
    files.write(stored, tmp_path / "copy", format_of(case))
    reloaded = files.read(tmp_path / "copy")
    assert_same(stored, reloaded)
    before = json.loads((GOLDEN / case / "cfg.json").read_text())
    after = json.loads((tmp_path / "copy" / "cfg.json").read_text())
    assert after.keys() == before.keys()
    # Half precision is written as float32, and folded row lengths stay folded.
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"dtype", "rescale_acts_by_decoder_norm"}
    if "16" not in case and "rescaled" not in case:
        assert not changed
        name = files.FORMATS[format_of(case)].weights
        old, new = load_file(GOLDEN / case / name), load_file(tmp_path / "copy" / name)
        assert old.keys() == new.keys()
        for key, array in old.items():
            np.testing.assert_array_equal(new[key], array)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("dictionary_le")])
def test_pytorch_files_are_written_if_pytorch_is_installed(case: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    stored = files.read(GOLDEN / case)
    files.write(stored, tmp_path / "copy", "dictionary_learning")
    reloaded = files.read(tmp_path / "copy")
    assert_same(stored, reloaded)
    assert reloaded.metadata == stored.metadata


def test_writing_a_pytorch_file_without_pytorch_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"torch is needed to write dictionary_learning's files"):
        files.write(random_stored(), tmp_path / "copy", "dictionary_learning")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("subtract_bias", [True, False])
@pytest.mark.parametrize("activation", ["top_k", "batch_top_k", "relu", "jump_relu", "gated"])
def test_folding_changes_neither_codes_nor_reconstructions(
    activation: str, subtract_bias: bool
) -> None:
    center = np.linspace(-3, 2, D)
    stored = random_stored(activation, center=center, scale=0.7, subtract_bias=subtract_bias)
    folded = stored.folded()
    assert folded.scale == 1
    assert not folded.center.any()
    assert_gives_the_same(stored, folded)


def test_a_dictionary_without_standardization_is_already_folded() -> None:
    stored = random_stored()
    assert stored.folded() is stored


@pytest.mark.parametrize("activation", ["top_k", "batch_top_k", "relu", "jump_relu", "gated"])
def test_the_decoder_bias_can_be_folded_into_the_encoder_and_back(activation: str) -> None:
    stored = random_stored(activation)
    moved = stored.subtracting_bias(False)
    assert not moved.subtract_bias
    assert_gives_the_same(stored, moved)
    assert_gives_the_same(stored, moved.subtracting_bias(True))


@pytest.mark.parametrize("activation", ["top_k", "batch_top_k", "relu", "jump_relu", "gated"])
def test_every_dictionary_can_be_written_for_sae_lens(activation: str, tmp_path: Path) -> None:
    stored = random_stored(activation, center=np.full(D, 0.3), scale=2.0)
    files.write(stored, tmp_path / "sae", "sae_lens")
    assert_gives_the_same(stored, files.read(tmp_path / "sae"))


def test_a_dictionary_without_bias_subtraction_can_be_written_for_sparsify(tmp_path: Path) -> None:
    stored = random_stored(subtract_bias=False)
    files.write(stored, tmp_path / "sae", "sparsify")
    reloaded = files.read(tmp_path / "sae")
    assert reloaded.subtract_bias
    assert_gives_the_same(stored, reloaded)


def test_num_latents_of_sparsify_can_be_given_by_an_expansion_factor(tmp_path: Path) -> None:
    assert json.loads((GOLDEN / "sparsify-topk" / "cfg.json").read_text())["num_latents"] == 0
    stored = files.read(GOLDEN / "sparsify-topk")
    assert stored.latents == M
    fewer = replace(
        stored,
        encoder=stored.encoder[:, :20],
        encoder_bias=stored.encoder_bias[:20],
        decoder=stored.decoder[:20],
    )
    files.write(fewer, tmp_path / "sae", "sparsify")
    assert files.read(tmp_path / "sae").latents == 20


def test_a_format_that_lacks_the_activation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"activation: expected top_k.* got batch_top_k"):
        files.write(random_stored("batch_top_k"), tmp_path / "sae", "sparsify")
    assert list(tmp_path.iterdir()) == []


def test_equal_pre_activations_go_to_the_lowest_latents() -> None:
    z = files.StoredTopK(2).codes(np.array([[1.0, 3, 3, 3], [-1, -2, -3, 4]]))
    np.testing.assert_array_equal(z, [[0, 3, 3, 0], [0, 0, 0, 4]])


@pytest.mark.parametrize("name", ["encoder_bias", "decoder", "decoder_bias", "center"])
def test_an_array_of_wrong_shape_is_reported_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected shape \(.*\), got \(3,\)"):
        random_stored(**{name: np.zeros(3)})


def test_non_finite_values_are_reported() -> None:
    encoder = np.ones((D, M))
    encoder[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"^encoder: expected finite values, got nan at \(2, 5\)"):
        random_stored(encoder=encoder)
    with pytest.raises(ValueError, match=r"^decoder_bias: expected finite values, got inf"):
        random_stored(decoder_bias=np.full(D, 1e300))


def test_other_errors_are_reported() -> None:
    with pytest.raises(TypeError, match=r"^encoder: expected real numbers"):
        random_stored(encoder=np.ones((D, M), complex))
    with pytest.raises(ValueError, match=r"^encoder: expected shape \(d, m\)"):
        random_stored(encoder=np.ones(D))
    with pytest.raises(TypeError, match=r"^activation: expected a StoredActivation"):
        replace(random_stored(), activation="relu")
    with pytest.raises(ValueError, match=r"^k: expected 1 <= k <= latents \(24\), got 25"):
        replace(random_stored(), activation=files.StoredTopK(25))
    with pytest.raises(ValueError, match=r"^threshold: expected shape \(24,\), got \(5,\)"):
        replace(random_stored(), activation=files.StoredJumpRelu(np.ones(5)))
    with pytest.raises(ValueError, match=r"^scale: expected a number above 0"):
        random_stored(scale=0)
    with pytest.raises(ValueError, match=r"^x: expected shape \(n, 8\), got \(2, 9\)"):
        random_stored().encode(np.ones((2, 9)))
    with pytest.raises(ValueError, match=r"^codes: expected shape \(n, 24\), got \(24,\)"):
        random_stored().decode(np.ones(24))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^format: expected one of sae_lens, .* got 'keras'"):
        files.read(GOLDEN / "sparsify-topk", "keras")
    with pytest.raises(ValueError, match=r"^format: expected one of sae_lens, .* got 'keras'"):
        files.write(random_stored(), tmp_path / "sae", "keras")


@pytest.mark.parametrize("name", ["gemma_scope", "sentence_transformers"])
def test_writing_a_read_only_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of sae_lens, sparsify, .* to write"):
        files.write(random_stored(), tmp_path / "sae", name)


def test_only_a_stored_dictionary_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^stored: expected a StoredDictionary"):
        files.write({}, tmp_path / "sae", "sae_lens")


def test_the_error_for_a_folder_of_no_format_lists_the_expected_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")  # many projects use these file names
    with pytest.raises(ValueError, match=r"sae_lens: cfg\.json and sae_weights\.saf.*npz"):
        files.read(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected a folder or a file"):
        files.read(tmp_path / "nothing")


def test_a_folder_of_two_formats_requires_the_format(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "sae_lens-topk", tmp_path, dirs_exist_ok=True)
    shutil.copy(GOLDEN / "gemma_scope-jumprelu" / "params.npz", tmp_path)
    with pytest.raises(ValueError, match=r"format: expected one, got files of sae_lens and gemma"):
        files.read(tmp_path)
    assert files.read(tmp_path, "gemma_scope").activation.kind == "jump_relu"
    assert files.read(tmp_path / "params.npz").activation.kind == "jump_relu"


def test_existing_files_are_kept_unless_overwrite_is_set(tmp_path: Path) -> None:
    first, second = random_stored(), random_stored("relu")
    files.write(first, tmp_path / "sae", "sae_lens")
    with pytest.raises(FileExistsError, match=r"sae: exists already; overwrite=True replaces it"):
        files.write(second, tmp_path / "sae", "sae_lens")
    assert files.read(tmp_path / "sae").activation.kind == "top_k"
    files.write(second, tmp_path / "sae", "sae_lens", overwrite=True)
    assert files.read(tmp_path / "sae").activation.kind == "relu"
    assert [path.name for path in tmp_path.iterdir()] == ["sae"]


def test_a_folder_with_other_files_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "sae"
    files.write(random_stored(), target, "sae_lens")
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"expected nothing but cfg\.json and .* got thesis\.txt"):
        files.write(random_stored(), target, "sae_lens", overwrite=True)
    assert (target / "thesis.txt").read_text() == "years of work"


def test_a_file_is_never_overwritten_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "sae").write_text("a file")
    with pytest.raises(ValueError, match=r"expected a folder to overwrite, got a file"):
        files.write(random_stored(), tmp_path / "sae", "sae_lens", overwrite=True)
    assert (tmp_path / "sae").read_text() == "a file"


@pytest.mark.parametrize("operation", ["fsync", "rename"])
def test_a_failed_write_keeps_the_old_folder(tmp_path: Path, monkeypatch, operation: str) -> None:
    files.write(random_stored(), tmp_path / "sae", "sae_lens")
    before = {path.name: path.read_bytes() for path in (tmp_path / "sae").iterdir()}
    calls = []
    real_rename = Path.rename

    def fail(*args):
        raise OSError("no space")

    def fail_on_second(self, target):
        calls.append(target)
        if len(calls) == 2:  # the old folder is renamed, the new one not yet
            raise OSError("no space")
        return real_rename(self, target)

    if operation == "fsync":
        monkeypatch.setattr("os.fsync", fail)
    else:
        monkeypatch.setattr(Path, "rename", fail_on_second)
    with pytest.raises(OSError, match="no space"):
        files.write(random_stored("relu"), tmp_path / "sae", "sae_lens", overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "sae").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["sae"]


def test_float64_tensors_are_rounded_to_float32(tmp_path: Path) -> None:
    folder = tmp_path / "sae"
    shutil.copytree(GOLDEN / "sae_lens-topk", folder)
    path = folder / "sae_weights.safetensors"
    save_file({name: array.astype(np.float64) for name, array in load_file(path).items()}, path)
    assert_same(files.read(folder), files.read(GOLDEN / "sae_lens-topk"))


@pytest.mark.parametrize("missing", [("threshold",), ("threshold", "k")])
def test_older_top_k_files_of_dictionary_learning_are_read(missing, monkeypatch) -> None:
    from gatewise.sae.files import dictionary_learning

    source = GOLDEN / "dictionary_learning-topk"
    expected = files.read(source)
    read = dictionary_learning.read_torch_file

    def without(path: Path) -> object:
        tensors = read(path)
        for name in missing:
            del tensors._tensors[name]
        return tensors

    monkeypatch.setattr(dictionary_learning, "read_torch_file", without)
    assert_same(files.read(source), expected)
