"""Writes tests/golden/sae: `python tests/golden/make_sae_files.py`. See the README there.

Each case is a tiny dictionary of random weights saved by the package of another project, with
`expected.npz`: rows x, and the codes and reconstructions that the package computes for them.
"""

from __future__ import annotations

import json
import shutil
import sys
import types
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import sae_lens
import sparsify
import torch
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

# dictionary_learning imports nnsight for language models, which are not used here.
sys.modules.setdefault("nnsight", types.SimpleNamespace(LanguageModel=object))
dictionaries = import_module("dictionary_learning.dictionary")
batch_top_k = import_module("dictionary_learning.trainers.batch_top_k")
matryoshka_batch_top_k = import_module("dictionary_learning.trainers.matryoshka_batch_top_k")
top_k = import_module("dictionary_learning.trainers.top_k")

FOLDER = Path(__file__).parent / "sae"
D, M, K, ROWS = 8, 24, 4, 6
PACKAGES = ("torch", "sae-lens", "eai-sparsify", "dictionary-learning", "sentence-transformers")
Case = tuple[str, Any, Any, Any]  # name, save(folder), encode(x), decode(z)


def randomize(model: torch.nn.Module) -> Any:
    """Sets every parameter at random, so that every parameter affects the results."""
    for name, parameter in model.named_parameters():
        if parameter.is_floating_point():
            size = 0.5 if parameter.ndim == 2 else 0.3
            parameter.data = size * torch.randn_like(parameter)
            if name == "threshold":
                parameter.data = parameter.data.abs() + 0.2
    return model


def sae_lens_case(name: str, architecture: str, **settings: Any) -> Case:
    config_class = {
        "standard": sae_lens.StandardSAEConfig,
        "topk": sae_lens.TopKSAEConfig,
        "jumprelu": sae_lens.JumpReLUSAEConfig,
        "gated": sae_lens.GatedSAEConfig,
    }[architecture]
    config = config_class(d_in=D, d_sae=M, **settings)
    config.metadata["hook_name"] = "blocks.0.hook_resid_pre"
    model = randomize(sae_lens.SAE.get_sae_class_for_architecture(architecture)(config))
    model = model.to(model.dtype)

    def encode(x: torch.Tensor) -> torch.Tensor:
        return model.to(torch.float32).encode(x)  # called after it was saved in its own dtype

    return f"sae_lens-{name}", model.save_model, encode, model.decode


def trained_sae_lens_case(name: str, architecture: str, **settings: Any) -> Case:
    """Case of a model saved for inference after training; the loaded model computes the codes."""
    classes = {
        "batchtopk": (sae_lens.BatchTopKTrainingSAE, sae_lens.BatchTopKTrainingSAEConfig),
        "topk": (sae_lens.TopKTrainingSAE, sae_lens.TopKTrainingSAEConfig),
    }
    model_class, config_class = classes[architecture]
    model = randomize(model_class(config_class(d_in=D, d_sae=M, k=K, **settings)))
    if architecture == "batchtopk":
        model.topk_threshold.fill_(0.6)
    model.save_inference_model(FOLDER / f"sae_lens-{name}")
    loaded = sae_lens.SAE.load_from_disk(FOLDER / f"sae_lens-{name}")
    return f"sae_lens-{name}", None, loaded.encode, loaded.decode


def sparsify_case(name: str, dtype: torch.dtype = torch.float32, **settings: Any) -> Case:
    config = sparsify.SparseCoderConfig(k=K, expansion_factor=M // D, **settings)
    model = randomize(sparsify.SparseCoder(D, config, dtype=dtype))

    def encode(x: torch.Tensor) -> torch.Tensor:
        values, indices, _ = model.float().encode(x)
        return torch.zeros(len(x), M).scatter_(1, indices.long(), values)

    def decode(z: torch.Tensor) -> torch.Tensor:
        values, indices = z.topk(K)
        return model.decode(values, indices)

    return f"sparsify-{name}", model.save_to_disk, encode, decode


def dictionary_learning_case(name: str, model: Any, **settings: Any) -> Case:
    randomize(model)
    if hasattr(model, "k"):
        settings["k"] = K
        model.threshold.fill_(0.6)

    def save(folder: Path) -> None:
        folder.mkdir(parents=True)
        torch.save(model.state_dict(), folder / "ae.pt")
        trainer = {"dict_class": type(model).__name__, "activation_dim": D, "dict_size": M}
        config = {"trainer": {**trainer, "lr": 0.001, **settings}, "buffer": {"d_submodule": D}}
        (folder / "config.json").write_text(json.dumps(config, indent=4))

    return f"dictionary_learning-{name}", save, model.encode, model.decode


def gemma_scope_case() -> Case:
    """Arrays of a Gemma Scope file; a class of dictionary_learning has the same formula."""
    model = randomize(dictionaries.JumpReluAutoEncoder(D, M))

    def save(folder: Path) -> None:
        folder.mkdir(parents=True)
        arrays = {name: value.detach().numpy() for name, value in model.named_parameters()}
        np.savez(folder / "params.npz", **arrays)

    return "gemma_scope-jumprelu", save, model.encode, model.decode


def sentence_transformers_case() -> Case:
    model = randomize(SparseAutoEncoder(D, M, K, k_aux=8)).eval()

    def save(folder: Path) -> None:
        folder.mkdir(parents=True)
        model.save(str(folder))

    def encode(x: torch.Tensor) -> torch.Tensor:
        return model.top_k(model.encode_pre_act(x), compute_aux=False)[0]

    return "sentence_transformers-topk", save, encode, model.decode


def cases() -> Iterator[Case]:
    yield sae_lens_case("standard", "standard")
    yield sae_lens_case("topk", "topk", k=K)
    yield sae_lens_case("topk-rescaled", "topk", k=K, rescale_acts_by_decoder_norm=True)
    yield sae_lens_case("topk-bfloat16", "topk", k=K, dtype="bfloat16")
    yield sae_lens_case("jumprelu", "jumprelu")
    yield sae_lens_case("jumprelu-unshifted", "jumprelu", apply_b_dec_to_input=False)
    yield sae_lens_case("gated", "gated")
    yield trained_sae_lens_case("trained-topk", "topk")
    yield trained_sae_lens_case("trained-batchtopk", "batchtopk")
    yield sparsify_case("topk")
    yield sparsify_case("topk-float16", torch.float16)
    yield sparsify_case("transcoder", transcode=True)
    yield dictionary_learning_case("standard", dictionaries.AutoEncoder(D, M))
    yield dictionary_learning_case("new", dictionaries.AutoEncoderNew(D, M))
    yield dictionary_learning_case("topk", top_k.AutoEncoderTopK(D, M, K))
    yield dictionary_learning_case("batchtopk", batch_top_k.BatchTopKSAE(D, M, K))
    matryoshka = matryoshka_batch_top_k.MatryoshkaBatchTopKSAE(D, M, K, [6, 8, 10])
    yield dictionary_learning_case("matryoshka", matryoshka)
    yield dictionary_learning_case("jumprelu", dictionaries.JumpReluAutoEncoder(D, M))
    yield dictionary_learning_case("gated", dictionaries.GatedAutoEncoder(D, M))
    yield gemma_scope_case()
    yield sentence_transformers_case()


@torch.no_grad()
def main() -> None:
    torch.manual_seed(0)
    for old in FOLDER.glob("*/"):
        shutil.rmtree(old)
    FOLDER.mkdir(exist_ok=True)
    for name, save, encode, decode in cases():
        if save is not None:
            save(FOLDER / name)
        x = torch.randn(ROWS, D) + 0.5
        z = encode(x)
        active = (z > 0).sum(1).float().mean()
        assert 0 < active < M, name
        np.savez(FOLDER / name / "expected.npz", x=x, codes=z, rows=decode(z))
        print(f"{name}: {active:.1f} active per row")
    versions = {package: version(package) for package in PACKAGES}
    (FOLDER / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
