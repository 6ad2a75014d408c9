"""Compression of photographs: 8x8 patches as sums of learned atoms, compared with PCA.

Trains two dictionaries on grey patches of the left half of scikit-learn's two sample photographs
and tests on the right half. TopK: 512 atoms, eight per patch. BatchTopK: 256 atoms, eight per patch
on average over the training patches, more for complex patches. Prints the fraction of variance
unexplained (FVU), the signal-to-noise ratio and the bytes per patch, also for principal components
with as many values or as many bytes. Draws parts of the held-out photographs into `patches.png` and
atoms into `dictionary.png`.

    pip install '.[examples]'
    python examples/patches.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

import gatewise as gw
from comparison import Components, Floats, add_folder, fvu, parser, store, store_sparse

Activation: TypeAlias = gw.TopK | gw.BatchTopK

SIDE = 8
VALUES = 8
BATCH = 256
SPLIT = 320
"""Columns of a photograph used for training; the others are held out."""

REGIONS = ((24, 0), (10, 0))
"""First line and column of the drawn patches, in the held-out part of each photograph."""

REGION = (20, 20)
"""Lines and columns of drawn patches."""


@dataclass(frozen=True)
class Result:
    """Reconstruction of the held-out patches by one method, values per patch, stored bytes."""

    name: str
    reconstruction: Floats
    values: float
    bytes: int


def photographs() -> list[Floats]:
    """The sample photographs (height, width) as luminance in [0, 1]."""
    from sklearn.datasets import load_sample_images

    weights = np.array([0.299, 0.587, 0.114]) / 255
    return [(image @ weights).astype(np.float32) for image in load_sample_images().images]


def cut(image: Floats, step: int) -> Floats:
    """Patches (lines, columns, 64) at intervals of `step` pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))[::step, ::step]
    return windows.reshape(*windows.shape[:2], SIDE * SIDE)


def join(patches: Floats) -> Floats:
    """Assembles an image from non-overlapping patches (lines, columns, 64)."""
    lines, columns, _ = patches.shape
    squares = patches.reshape(lines, columns, SIDE, SIDE)
    return squares.swapaxes(1, 2).reshape(lines * SIDE, columns * SIDE)


def train(
    x: Floats, latents: int, activation: Activation, epochs: int, seed: int
) -> gw.SparseAutoencoder:
    """Trains a dictionary with a learning rate that decays to 0 at the last step."""
    steps = epochs * -(-len(x) // BATCH)
    sae = gw.SparseAutoencoder(latents, activation=activation, seed=seed)
    sae.compile(gw.optimizers.Adam(gw.optimizers.schedules.CosineDecay(3e-3, steps)))
    sae.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
    return sae


def by_dictionary(name: str, sae: gw.SparseAutoencoder, x: Floats) -> Result:
    codes = sae.encode(x)
    data = sae.to_bytes(codes)
    return Result(name, sae.decode(sae.from_bytes(data)), codes.nnz / len(x), len(data))


def by_components(pca: Components, x: Floats, chosen: Result, free: Result) -> list[Result]:
    """Results of PCA with as many values or bytes as each of two dictionaries."""
    values, size = store(pca.first(x, VALUES))
    results = [Result(f"PCA, first {VALUES}", pca.rows(values), VALUES, size)]
    for each in (chosen, free):
        values, size = pca.within_bytes(x, each.bytes)
        count = values.shape[1]
        results.append(Result(f"PCA, first {count}", pca.rows(values), count, size))
    values, size = store_sparse(pca.largest(x, VALUES))
    results.append(Result(f"PCA, each patch's largest {VALUES}", pca.rows(values), VALUES, size))
    values, size = store_sparse(pca.largest_of_all(x, free.values))
    results.append(Result("PCA, largest of all", pca.rows(values), free.values, size))
    return results


def decibels(x: Floats, y: Floats) -> float:
    """Peak signal-to-noise ratio of values in [0, 1], `-10 log10 mean (x - y)^2`."""
    return float(-10 * np.log10(np.mean((x - y) ** 2)))


def report(x: Floats, results: list[Result]) -> None:
    print(f"{'':34} values   bytes   FVU     PSNR")
    for each in results:
        print(
            f"{each.name:34} {each.values:6.2f}  {each.bytes / len(x):6.2f}  "
            f"{fvu(x, each.reconstruction):.4f}  {decibels(x, each.reconstruction):4.1f} dB"
        )


def caption(x: Floats, result: Result) -> str:
    errors = f"FVU {fvu(x, result.reconstruction):.4f}, {decibels(x, result.reconstruction):.1f} dB"
    return f"{result.name}:\n{result.values:.1f} values a patch, {errors}"


def draw(x: Floats, shape: tuple[int, int, int], results: list[Result], path: Path) -> None:
    """Draws a part of each photograph in a line: the original, then each reconstruction."""
    from matplotlib.figure import Figure

    columns = [("Original", x), *((caption(x, each), each.reconstruction) for each in results)]
    figure = Figure(figsize=(2.6 * len(columns), 5.6), layout="constrained")
    table = figure.subplots(len(REGIONS), len(columns), squeeze=False)
    for column, (title, rows) in enumerate(columns):
        for line, (top, left) in enumerate(REGIONS):
            patches = rows.reshape(*shape, -1)[line]
            part = patches[top : top + REGION[0], left : left + REGION[1]]
            table[line, column].imshow(join(part), cmap="gray", vmin=0, vmax=1)
            table[line, column].set_axis_off()
        table[0, column].set_title(title, loc="left", fontsize=8.5)
    figure.savefig(path, dpi=100)


def most_active_latents(sae: gw.SparseAutoencoder, x: Floats, count: int) -> list[int]:
    """Latents that are active in most patches, by decreasing count."""
    active = np.bincount(sae.encode(x).indices, minlength=sae.latents)
    return [int(latent) for latent in np.argsort(-active, kind="stable")[:count]]


def main() -> None:
    options = parser(__doc__, epochs=20)
    add_folder(options)
    options.add_argument("--step", type=int, default=2, help="pixels between training patches")
    given = options.parse_args()
    images = photographs()
    x = np.concatenate(
        [cut(image[:, :SPLIT], given.step).reshape(-1, SIDE * SIDE) for image in images]
    )
    held_out = np.stack([cut(image[:, SPLIT:], SIDE) for image in images])
    x_test = held_out.reshape(-1, SIDE * SIDE)
    print(f"{len(x):,} patches to train on, {len(x_test):,} held out, {given.epochs} epochs\n")
    fixed = train(x, 512, gw.TopK(VALUES), given.epochs, given.seed)
    varying = train(x, 256, gw.BatchTopK(VALUES), given.epochs, given.seed)
    dictionaries = [
        by_dictionary(f"Dictionary of 512, TopK({VALUES})", fixed, x_test),
        by_dictionary(f"Dictionary of 256, BatchTopK({VALUES})", varying, x_test),
    ]
    components = by_components(Components(x), x_test, *dictionaries)
    report(x_test, [*dictionaries, *components])
    print(
        "\nMeans per patch; 8 bits per value, compressed. Bytes of dictionaries and of largest\n"
        "values include the indices of the kept values; first components need no indices."
    )
    given.out.mkdir(parents=True, exist_ok=True)
    drawn = [*dictionaries, components[0]]
    draw(x_test, held_out.shape[:3], drawn, given.out / "patches.png")
    decoder = fixed.dictionary.native.get("decoder")
    figure = gw.plots.dictionary_images(
        decoder, (SIDE, SIDE), features=most_active_latents(fixed, x_test, 84)
    )
    figure.savefig(given.out / "dictionary.png", dpi=100)
    print(f"written: {given.out / 'patches.png'}, {given.out / 'dictionary.png'}")


if __name__ == "__main__":
    main()
