"""The programs in examples/ at small size: their printed results and plots."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MAX_BYTES = 10 << 20

for extra in ("matplotlib", "mlxtend", "sklearn"):
    pytest.importorskip(extra)


def run(name: str, *options: object) -> str:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, options)],
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def values_after(printed: str, name: str) -> list[float]:
    """The numbers in the first line that begins with `name`."""
    line = next(line for line in printed.splitlines() if line.startswith(name))
    return [float(value) for value in re.findall(r"\d+\.\d+|\d+", line[len(name) :])]


def assert_drawn(path: Path) -> None:
    from matplotlib.image import imread

    image = imread(path)[..., :3]
    assert min(image.shape[:2]) > 200
    assert 0.1 < image.std() < 0.5
    assert np.all([part.std() > 0.02 for part in np.array_split(image, 4, axis=1)]), "no empty part"


def test_digits_are_reconstructed_better_by_ten_units_than_by_ten_components(
    tmp_path: Path,
) -> None:
    printed = run("digits.py", "--epochs", 8, "--out", tmp_path / "made" / "digits")
    stack, _ = values_after(printed, "Stack 784-100-50-10")
    components, bytes_of_components = values_after(printed, "PCA, first 10")
    chosen, bytes_of_chosen = values_after(printed, "Dictionary of 512, 10 chosen for each digit")
    assert components == pytest.approx(0.51, abs=0.02)
    assert stack < components - 0.03
    assert chosen < components - 0.1
    assert bytes_of_components <= 10 < bytes_of_chosen < 30
    assert values_after(printed, "units alive in the stack:")[0] >= 8
    assert_drawn(tmp_path / "made" / "digits" / "digits.png")


def test_patches_are_reconstructed_better_by_a_dictionary_than_by_as_many_components(
    tmp_path: Path,
) -> None:
    printed = run("patches.py", "--epochs", 12, "--step", 4, "--out", tmp_path)
    values, size, chosen, decibels = values_after(printed, "Dictionary of 512, TopK(8)")
    assert values <= 8
    assert 4 < size < 12, "including the indices of the values"
    _, size_of_components, components, fewer_decibels = values_after(printed, "PCA, first 8")
    assert size_of_components < size
    assert chosen < 0.95 * components
    assert decibels - fewer_decibels == pytest.approx(10 * np.log10(components / chosen), abs=0.11)
    batch_top_k = values_after(printed, "Dictionary of 256, BatchTopK(8)")
    assert batch_top_k[2] < chosen
    for name in ("patches.png", "dictionary.png"):
        assert_drawn(tmp_path / name)


def test_codes_of_embeddings_retrieve_more_than_components_of_as_many_bytes() -> None:
    printed = run("embeddings.py", "--epochs", 6, "--rows", 2000)
    assert values_after(printed, "Embeddings, float16") == [0, 1, 768]
    fvu, share, size = values_after(printed, "Codes of 32 values, queries as they are")
    components = values_after(printed, "PCA, first 32")
    as_many = next(line for line in reversed(printed.splitlines()) if line.startswith("PCA, first"))
    pca_fvu, pca_share, pca_size = map(float, as_many.split()[-3:])
    assert pca_size <= size < 768 / 10
    assert fvu < pca_fvu < components[0]
    assert share > pca_share > components[1]
    assert printed.count("nearest to: ") == 3
    assert len(re.findall(r"^latent \d+: .*\n( +[\d.]+  row \d+  .*\n){4}", printed, re.M)) == 6


@pytest.mark.parametrize("name", ["digits.py", "patches.py", "embeddings.py"])
def test_the_help_of_an_example_says_how_to_run_it(name: str) -> None:
    printed = run(name, "--help")
    assert "pip install '.[examples]'" in printed
    assert f"python examples/{name}" in printed
    assert {"--epochs", "--seed"} <= set(printed.split())


def test_the_example_data_are_small_and_have_their_licence() -> None:
    files = {path.name: path.stat().st_size for path in (EXAMPLES / "data").iterdir()}
    assert {"README.md", "NOTICE.wordnet"} < files.keys()
    assert sum(files.values()) < MAX_BYTES
    with np.load(EXAMPLES / "data" / "glosses.npz") as archive:
        embeddings, texts, labels = archive["embedding"], archive["text"], archive["label"]
    assert (embeddings.shape, embeddings.dtype) == ((12000, 384), np.float16)
    assert len(set(texts.tolist())) > 11800
    assert (labels.shape, labels.min(), labels.max()) == ((12000,), 0, 44)
    np.testing.assert_allclose(np.linalg.norm(embeddings.astype(float), axis=1), 1, atol=1e-3)
