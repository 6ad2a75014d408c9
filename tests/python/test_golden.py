"""Stored runs of 50 Adam steps, computed with PyTorch by tests/golden/make_golden.py."""

import json
from pathlib import Path

import numpy as np
import pytest

from gatewise import _core

pytestmark = pytest.mark.golden

RUNS = sorted((Path(__file__).parents[1] / "golden").glob("*.npz"))
# A stored run is float64. Float32 rounds each of 50 updates by 6e-8 of a weight, and gradients by
# about 1e-6 of their size. Adam's quotient m / sqrt(v) has that error once; it does not accumulate.
RELATIVE = 1e-5


def build(layers, run, prefix):
    """A sequential model of a run, with its stored weights of the given prefix."""
    nodes, width = [], run["x"].shape[1]
    for at, (kind, options) in enumerate(layers):
        layer = _core.Layer(kind, options)
        layer.build([width])
        for each in layer.parameters():
            layer.set(each.name, run[f"{prefix}.{at}.{each.name}"].astype(np.float32))
        width = layer.output_width
        nodes.append((layer, [at]))
    return nodes, _core.Network(1, nodes, [len(nodes)])


def split(values, count):
    return values[:count], values[count:]


@pytest.fixture(params=RUNS, ids=lambda path: path.stem)
def run(request):
    with np.load(request.param) as stored:
        return dict(stored)


def test_the_stored_runs_are_there():
    kinds = ["convolution", "glu", "linear", "mlp"]
    routers = ["all", "keys", "output_sum", "output_sum_summed", "sigmoid_top_k", "static_free"]
    routers += ["static_non_negative", "static_simplex", "switch", "top_k", "top_k_over_chosen"]
    expected = ["dense", *(f"expert_{kind}" for kind in kinds), *(f"router_{r}" for r in routers)]
    assert [path.stem for path in RUNS] == sorted(expected)
    assert sum(path.stat().st_size for path in RUNS) < 1_000_000


def test_fifty_steps_of_adam_agree_with_the_stored_run(run):
    config = json.loads(str(run["config"]))
    nodes, network = build(config["layers"], run, "initial")
    loss = ("sparse_categorical_crossentropy", {"from_logits": False})
    trainer = _core.Trainer(network, [loss], [1.0], [[]], config["optimizer"])
    data = _core.Dataset([run["x"]], [run["y"]], [None])
    losses = [trainer.train_step(data, batch)[0] for batch in run["batches"]]
    assert len(losses) == 50
    np.testing.assert_allclose(losses, run["losses"], rtol=RELATIVE)
    for at, (layer, _) in enumerate(nodes):
        steps = trainer.state()[f"layer{at}.steps"].tolist()
        for each in layer.parameters():
            is_routed = each.per_expert and not each.name.startswith("shared_")
            own, steps = split(steps, each.shape[0] if each.per_expert else 1)
            if each.role != "state":
                assert own == (run["worked"].tolist() if is_routed else [50] * len(own)), each.name
            expected = run[f"final.{at}.{each.name}"]
            error = np.linalg.norm(layer.get(each.name) - expected)
            assert error <= RELATIVE * np.linalg.norm(expected), each.name
            moved = expected - run[f"initial.{at}.{each.name}"]
            assert np.linalg.norm(moved) > 0.05 * np.linalg.norm(expected)
