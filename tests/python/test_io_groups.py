"""Files and parameters of models that are several: experts on a code, importance experts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

import gatewise as gw

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 16)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int32)


def dictionary() -> gw.SparseAutoencoder:
    sae = gw.SparseAutoencoder(32, activation=gw.TopK(4), seed=0)
    sae.compile()
    sae.fit(X, epochs=2, verbose=0)
    return sae


def on_a_code(**settings: Any) -> gw.SparseCodeExperts:
    model = gw.SparseCodeExperts(
        dictionary(), 2, units=8, num_experts=4, activation="softmax", seed=0, **settings
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=3, verbose=0)
    return model


def on_patches() -> gw.SparseCodeExperts:
    patches = gw.SparseAutoencoder(8, activation=gw.TopK(2), seed=0)
    patches.compile()
    encoder = gw.PatchEncoder(patches, image_shape=(4, 4), patch=2)
    patches.fit(encoder.patches(X), epochs=1, verbose=0)
    expert = gw.experts.Conv2D(4, pooling="none")
    model = gw.SparseCodeExperts(encoder, 2, expert=expert, activation="softmax", seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=1, verbose=0)
    return model


def important(hidden: int | None = None, labels: bool = True) -> gw.decompose.SparseExperts:
    model = gw.decompose.SparseExperts(2, keep=0.5, hidden=hidden, seed=0)
    return model.fit(X, Y if labels else X[:, :2], epochs=3)


CASES = {
    "frozen": on_a_code,
    "fine-tuned": lambda: on_a_code(training="fine_tuned", fusion="residual", dropout=0.1),
    "joint": lambda: on_a_code(training="joint", balance=gw.balance.AuxLoss(0.1)),
    "patches": on_patches,
    "linear": important,
    "hidden": lambda: important(hidden=8),
    "values": lambda: important(labels=False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_loaded_model_predicts_the_same_bits_and_trains_on(case: str, tmp_path: Path) -> None:
    model: Any = CASES[case]()
    model.save(tmp_path / "m.gatewise")
    loaded = gw.load_model(tmp_path / "m.gatewise")
    assert type(loaded) is type(model)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    y = X[:, :2] if case == "values" else Y
    assert loaded.score(X, y) == model.score(X, y)
    if isinstance(model, gw.SparseCodeExperts):
        assert (loaded.encode(X) != model.encode(X)).nnz == 0
        loaded.fit(X, Y, epochs=1, verbose=0)
        model.fit(X, Y, epochs=1, verbose=0)
        assert np.array_equal(loaded.predict(X), model.predict(X))
    else:
        assert all(map(np.array_equal, loaded.supports_, model.supports_))
        assert loaded.fuse().count_nonzero() == model.fuse().count_nonzero()
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "m.gatewise", overwrite=False)


def test_a_fresh_process_reads_the_file(tmp_path: Path) -> None:
    model = on_a_code()
    model.save(tmp_path / "m.gatewise")
    np.save(tmp_path / "x.npy", X)
    program = (
        "import sys, numpy as np, gatewise as gw\n"
        "model = gw.load_model(sys.argv[1])\n"
        "np.save(sys.argv[3], model.predict(np.load(sys.argv[2])))\n"
    )
    names = [str(tmp_path / name) for name in ("m.gatewise", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", program, *names], check=True)
    assert np.array_equal(np.load(names[2]), model.predict(X))


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    model = gw.SparseCodeExperts(PCA(4), 2, activation="softmax")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=1, verbose=0)
    with pytest.raises(
        TypeError, match=r"save: expected a SparseAutoencoder as encoder, got .*PCA"
    ):
        model.save(tmp_path / "m")
    for new in (gw.SparseCodeExperts(dictionary(), 2), gw.decompose.SparseExperts(2, 0.5)):
        with pytest.raises(AttributeError, match="expected"):
            new.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("position", [0.2, 0.6, 0.95])
def test_an_altered_file_is_refused(position: float, tmp_path: Path) -> None:
    path = tmp_path / "m.gatewise"
    important().save(path)
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 4
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"m\.gatewise"):
        gw.load_model(path)


def test_parameters_are_those_of_the_constructor() -> None:
    model = gw.decompose.SparseExperts(3, keep=0.25, importance="magnitude", seed=1)
    assert model.get_params()["keep"] == 0.25
    assert model.set_params(keep=0.5, n_experts=2) is model
    assert (model.keep, model.n_experts, model.importance) == (0.5, 2, "magnitude")
    copy = clone(model)
    assert copy.get_params() == model.get_params() and copy is not model
    with pytest.raises(ValueError, match=r"set_params: expected one of n_experts, keep, .*got 'k'"):
        model.set_params(k=1)
    with pytest.raises(ValueError, match="keep"):
        model.set_params(keep=2.0)
    assert model.keep == 0.5


def test_set_params_forgets_what_was_trained_and_keeps_compile() -> None:
    model = on_a_code()
    model.set_params(num_experts=2, fusion="residual")
    with pytest.raises(AttributeError, match="fit"):
        model.predict(X)
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.expert_layer.num_experts == 2
    inner = gw.SparseCodeExperts(PCA(4), 2)
    assert inner.get_params()["encoder__n_components"] == 4
    assert inner.set_params(encoder__n_components=3).encoder.n_components == 3
