"""The sparse dictionary as NumPy formulas in float64.

Values that a loss term treats as constant (thresholds inside a ramp, the decoder for gates, the
error that dead latents explain) are computed from the weights of the native layer, which finite
differences do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run_dictionary(node: Any, x, run: Any, route: Any):
    """Returns y and adds the layer's own losses to the run's."""
    o, p = node.options, node.weights
    detached = {name: node.native.get(name).astype(np.float64) for name in p}
    u = p["scale"] * (x - p["center"]) - o["subtract_bias"] * p["decoder_bias"]
    decoder = p["decoder"]
    if o["tied"]:
        p = p | {"encoder": decoder.T}
    z = of_experts(node, u, p, run, route) if "router.kind" in o else code(o, p, detached, u, run)

    def to_y(rows):
        return rows / p["scale"] + p["center"]

    y = to_y(z @ decoder + p["decoder_bias"])
    if run.training and run.target is not None:
        ends = [int(end) for end in o["prefixes"].split(",") if end and int(end) < o["latents"]]
        for end in ends:
            run.loss += mse(run, to_y(z[:, :end] @ decoder[:end] + p["decoder_bias"]))
        if o["activation.kind"] == "gated":
            gate = np.maximum(u @ p["encoder"] + p["encoder_bias"], 0)
            made = gate @ detached["decoder"] + detached["decoder_bias"]
            run.loss += mse(run, made / p["scale"] + p["center"])
        if o["dead.k"]:
            run.loss += o["dead.weight"] * dead_error(o, p, detached, x, u, y, run)
    return y


def mse(run, y):
    return (run.weights[:, None] * (y - run.target) ** 2).mean()


def keep_best(h, k, run):
    """A mask of the k largest h of each row."""
    if k >= h.shape[1]:
        return np.ones(h.shape, bool)
    ranked = np.sort(h, axis=1)[:, ::-1]
    run.margin = min(run.margin, (ranked[:, k - 1] - ranked[:, k]).min())
    return h >= ranked[:, k - 1, None]


def above(h, threshold, run):
    run.margin = min(run.margin, np.abs(h - threshold).min())
    return h > threshold


def code(o, p, detached, u, run):
    n, threshold, kind = len(u), o["threshold"], o["activation.kind"]
    h = u @ p["encoder"] + p["encoder_bias"]
    square = p["scale"][0] ** 2

    def add(penalty):
        if run.training:
            run.loss += penalty / square

    if kind == "identity":
        return h
    if kind == "top_k":
        return np.where(keep_best(h, o["activation.k"], run) & above(h, threshold, run), h, 0)
    if kind == "batch_top_k":
        best = keep_best(h.reshape(1, -1), n * o["activation.k"], run).reshape(h.shape)
        return np.where(best & above(h, threshold, run), h, 0)
    if kind == "relu":
        z = np.where(above(h, threshold, run), h, 0)
        add(o["activation.l1"] * z.sum() / n)
        return z
    if kind == "kl":
        z = sigmoid(h)
        z = np.where(above(z, threshold, run), z, 0)
        rho, mean = o["activation.rho"], z.mean(axis=0)
        terms = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
        add(o["activation.weight"] * terms.sum())
        return z
    if kind == "jump_relu":
        # Steps of the code and of L0 are ramps, for the gradients of thresholds only.
        t, moved = (
            detached["latent_threshold"],
            p["latent_threshold"] - detached["latent_threshold"],
        )
        width = o["activation.bandwidth"]
        in_window = np.abs(h - t) < width / 2
        run.margin = min(run.margin, np.abs(np.abs(h - t) - width / 2).min())
        active = above(h, t, run)
        count = (active - in_window * moved / width).sum() / n
        add(o["activation.weight"] * (count / o["activation.target_l0"] - 1) ** 2)
        return np.where(active, h, 0) - in_window * t / width * moved
    if kind == "gated":
        z = np.exp(p["magnitude_log"]) * (u @ p["encoder"]) + p["magnitude_bias"]
        gates = above(h, 0, run)
        add(o["activation.l1"] * np.where(gates, h, 0).sum() / n)
        return np.where(gates & above(z, 0, run), z, 0)
    assert kind == "lista"
    z = np.zeros((n, o["latents"]))
    for _ in range(o["activation.steps"]):
        h = z + (u - z @ p["decoder"]) @ p["encoder"] + p["encoder_bias"]
        z = np.where(above(h, 0, run), h, 0)
    add(o["activation.l1"] * z.sum() / n)
    return z


def of_experts(node, u, p, run, route):
    """Each row's code, from its expert's latents only, times the expert's weight."""
    o, loss = node.options, run.loss
    chosen, weights = route(node, u, run)
    run.loss = loss + (run.loss - loss) / p["scale"][0] ** 2
    each = o["latents"] // o["num_experts"]
    z = np.zeros((len(u), o["latents"]))
    for i, (expert, weight) in enumerate(zip(chosen[:, 0], weights[:, 0], strict=True)):
        expert_slice = slice(expert * each, (expert + 1) * each)
        part = {
            "encoder": p["encoder"][:, expert_slice],
            "encoder_bias": p["encoder_bias"][expert_slice],
        }
        inner = type(run)(run.step)
        z[i, expert_slice] = weight * code(o, p | part, None, u[i : i + 1], inner)[0]
        run.loss += inner.loss / len(u)
        run.margin = min(run.margin, inner.margin)
    return z


def dead_error(o, p, detached, x, u, y, run):
    """Mean square error of the dead latents' reconstruction of the native layer's residual."""
    dead = np.flatnonzero(detached["rows_since_active"] >= o["dead.rows"])
    before = (
        detached["scale"] * (x - detached["center"]) - o["subtract_bias"] * detached["decoder_bias"]
    )
    encoder = detached["decoder"].T if o["tied"] else detached["encoder"]
    z = code(
        o, detached | {"encoder": encoder}, detached, before, type(run)(run.step, training=False)
    )
    made = (z @ detached["decoder"] + detached["decoder_bias"]) / detached["scale"] + detached[
        "center"
    ]
    h = u @ p["encoder"][:, dead] + p["encoder_bias"][dead]
    kept = keep_best(h, o["dead.k"], run) & above(h, 0, run)
    error = np.where(kept, h, 0) @ p["decoder"][dead] / p["scale"] - (run.target - made)
    return (run.weights[:, None] * error**2).mean()
