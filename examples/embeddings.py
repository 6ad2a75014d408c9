"""Semantic search in sparse codes: a dictionary of sentence embeddings.

Trains a dictionary of 2,048 latents on the embeddings (384 values) of 5,500 definitions; each code
has 32 nonzeros. Searches the codes with 500 held-out definitions, compares the results with an
exact search, and compares the bytes with those of the embeddings and of principal components. Shows
the definitions with the largest activations of some latents, and some searches.

    pip install '.[examples]'
    python examples/embeddings.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import gatewise as gw
from comparison import Components, Floats, fvu, parser, store

DATA = Path(__file__).parent / "data" / "glosses.npz"
DEFINITIONS = 6000
HELD_OUT = 500
LATENTS = 2048
VALUES = 32
FOUND = 10
"""Count of definitions that a search returns."""

MIN_ACTIVE_ROWS = 20
"""Minimum count of definitions in which a shown latent is active."""


def load(seed: int, rows: int) -> tuple[Floats, list[str]]:
    """Embeddings (n, 384) and their texts in random order, queries last."""
    with np.load(DATA) as archive:
        embeddings = archive["embedding"][:DEFINITIONS].astype(np.float32)
        texts = archive["text"][:DEFINITIONS]
    order = np.random.default_rng(seed).permutation(len(texts))
    order = np.concatenate([order[: min(rows, len(order) - HELD_OUT)], order[-HELD_OUT:]])
    return embeddings[order], texts[order].tolist()


def train(x: Floats, epochs: int, seed: int) -> gw.SparseAutoencoder:
    sae = gw.SparseAutoencoder(LATENTS, activation=gw.TopK(VALUES), seed=seed)
    sae.compile(gw.optimizers.Adam(1e-3))
    sae.fit(x, batch_size=64, epochs=epochs, verbose=0)
    return sae


def nearest(x: Floats, queries: Floats) -> Any:
    """Indices (q, FOUND) of the rows with the largest inner product with each query, best first."""
    return np.argsort(-(queries @ x.T), axis=1, kind="stable")[:, :FOUND]


def recall(found: Any, exact: Any) -> float:
    """Mean fraction of the results of an exact search that were found."""
    pairs = zip(found.tolist(), exact.tolist(), strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs]))


def compare(sae: gw.SparseAutoencoder, pca: Components, x: Floats, queries: Floats) -> Any:
    """Compares ways to store and search; returns the results of exact search and of the codes."""
    exact = nearest(x, queries)
    data = sae.to_bytes(sae.encode(x))
    codes = sae.from_bytes(data)
    found, _ = sae.search(codes, queries, FOUND)
    by_codes, _ = sae.search(codes, sae.encode(queries), FOUND)
    refit_data = sae.to_bytes(sae.encode(x, refit=True))
    refit = sae.from_bytes(refit_data)
    by_refit, _ = sae.search(refit, queries, FOUND)
    values, size = store(pca.first(x, VALUES))
    as_many, as_many_size = pca.within_bytes(x, len(data))
    lines = [
        ("Embeddings, float16", x, exact, 2 * x.size),
        (f"Codes of {VALUES} values, queries as they are", sae.decode(codes), found, len(data)),
        (f"Codes of {VALUES} values, queries as codes", sae.decode(codes), by_codes, len(data)),
        ("Refitted codes, queries as they are", sae.decode(refit), by_refit, len(refit_data)),
    ]
    for kept, kept_size in ((values, size), (as_many, as_many_size)):
        reconstruction = pca.rows(kept)
        lines.append(
            (
                f"PCA, first {kept.shape[1]}",
                reconstruction,
                nearest(reconstruction, queries),
                kept_size,
            )
        )
    print(f"{'':42} FVU    recall@{FOUND}  bytes")
    for name, reconstruction, rows, stored in lines:
        share = recall(rows, exact)
        print(f"{name:42} {fvu(x, reconstruction):.3f}  {share:8.3f}  {stored / len(x):6.1f}")
    print("\nMeans per definition, over those that the dictionary was trained on.")
    return exact, found


def most_specific_latents(codes: Any, count: int) -> list[int]:
    """Latents with the largest mean activation, among those active in enough rows."""
    active = np.bincount(codes.indices, minlength=codes.shape[1])
    totals = np.bincount(codes.indices, weights=codes.data, minlength=codes.shape[1])
    means = np.where(active >= MIN_ACTIVE_ROWS, totals / np.maximum(active, 1), 0)
    return [int(latent) for latent in np.argsort(-means, kind="stable")[:count]]


def show_searches(texts: list[str], count: int, exact: Any, found: Any) -> None:
    """Prints the nearest texts of the first queries; queries follow the `count` searched texts."""
    for query in range(3):
        print(f"\nnearest to: {texts[count + query]}")
        for row in found[query, :4]:
            print(f"  {'=' if row in exact[query, :4] else ' '} {texts[row]}")
    print("\n(=: also among the four best of an exact search)")


def options() -> argparse.Namespace:
    arguments = parser(__doc__, epochs=20)
    arguments.add_argument(
        "--rows", type=int, default=5500, help="count of definitions to train on and search"
    )
    return arguments.parse_args()


def main() -> None:
    given = options()
    embeddings, texts = load(given.seed, given.rows)
    x, queries = embeddings[:-HELD_OUT], embeddings[-HELD_OUT:]
    print(f"{len(x):,} definitions, {len(queries)} held out as queries, {given.epochs} epochs\n")
    sae = train(x, given.epochs, given.seed)
    pca = Components(x)
    exact, found = compare(sae, pca, x, queries)
    of_pca = fvu(queries, pca.rows(pca.first(queries, VALUES)))
    print(f"held-out FVU {sae.measure(queries)['fvu']:.3f}; of PCA, first {VALUES}: {of_pca:.3f}")
    print(f"latents alive: {sae.measure(x)['alive']:.1%}\n")
    shown = most_specific_latents(sae.encode(x), 6)
    print(sae.report(x, texts=texts[: len(x)], features=shown, rows=4, neighbours=0))
    show_searches(texts, len(x), exact, found)


if __name__ == "__main__":
    main()
