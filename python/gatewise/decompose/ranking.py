"""Importance of the weights and hidden units of a model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise.compress.kernels import Kernel, find_kernels
from gatewise.layers import Dense
from gatewise.models import Sequential
from gatewise.models.gradients import mean_gradients, mean_square_gradients
from gatewise.utils.checks import check_choice, check_number

if TYPE_CHECKING:
    import numpy.typing as npt

    from gatewise._core import Doubles
    from gatewise.models import Model

METHODS = ("magnitude", "taylor", "fisher", "activation")
SCOPES = ("global", "layer")


@dataclass(frozen=True)
class Importance:
    """Importance scores of each weight and hidden unit of a model, on the method's own scale.

    Attributes
    ----------
    method : str
        The method of `importance` that computed the scores.
    weights : dict of str to ndarray
        Scores by kernel: of a `Dense` `(d, u)` under the layer's name, of experts `(E, d, u)`
        under `layer/kernel`.
    units : dict of str to ndarray (h,)
        Scores by hidden `Dense` layer, that is a `Dense` of a `Sequential` that another `Dense`
        reads.
    """

    method: str
    weights: dict[str, Doubles]
    units: dict[str, Doubles]

    def ranks(self, scope: str = "global") -> dict[str, npt.NDArray[np.int64]]:
        """Rank of each weight, 0 for the most important, in the shapes of `weights`.

        Parameters
        ----------
        scope : {"global", "layer"}
            Whether to rank a weight among all kernels, or within its own kernel. Of equal scores,
            the first ranks first.

        Raises
        ------
        ValueError
            The scope is unknown.
        """
        if scope not in SCOPES:
            raise ValueError(f"scope: expected 'global' or 'layer', got {scope!r}")
        if scope == "layer":
            return {name: ranks_of(each).reshape(each.shape) for name, each in self.weights.items()}
        flat = np.concatenate([each.ravel() for each in self.weights.values()])
        ends = np.cumsum([each.size for each in self.weights.values()])[:-1]
        parts = np.split(ranks_of(flat), ends)
        return {
            name: part.reshape(each.shape)
            for (name, each), part in zip(self.weights.items(), parts, strict=True)
        }

    def unit_ranks(self, layer: str) -> npt.NDArray[np.int64]:
        """Rank of each unit `(h,)` of a hidden layer, 0 for the most important."""
        return ranks_of(self.units[layer])

    def masks(self, keep: float, scope: str = "global") -> dict[str, npt.NDArray[np.bool_]]:
        """Masks that are True for the `round(keep N)` most important of N weights.

        Parameters
        ----------
        keep : float in [0, 1]
            Fraction of the weights to keep.
        scope : {"global", "layer"}
            Whether N counts the weights of all kernels together, or of each kernel.

        Raises
        ------
        ValueError
            `keep` is out of range, or the scope is unknown.
        """
        keep = check_number("keep", keep, 0, 1)
        ranks = self.ranks(scope)
        total = sum(each.size for each in ranks.values())
        return {
            name: each < round(keep * (total if scope == "global" else each.size))
            for name, each in ranks.items()
        }


def importance(model: Model, x: Any = None, y: Any = None, method: str = "taylor") -> Importance:
    """Computes the importance of the weights and hidden units of a trained or untrained model.

    g is the gradient of the compiled loss, a_i the input of a weight, h the output of a unit;
    means are over the rows of x:

    =========== ======================================== ===================================
    method      weight w from input i                    hidden unit
    =========== ======================================== ===================================
    magnitude   ``|w|``                                  ``|w_in| |w_out|`` (norms)
    taylor      ``|w mean(g)|``                          ``|sum w mean(g)|`` over w_in and bias
    fisher      ``w^2 mean(g^2) / 2``                    their sum over w_in and bias
    activation  ``|w| sqrt(mean(a_i^2))``                ``mean(|h|) |w_out|``
    =========== ======================================== ===================================

    Parameters
    ----------
    model : Model
        Built; compiled for "taylor" and "fisher", a `Sequential` for "activation".
    x : array (n, ...) or SciPy sparse matrix, optional
        Rows; not needed for "magnitude". "fisher" processes rows one by one: a few hundred are
        enough.
    y : array, optional
        Targets, for "taylor" and "fisher".
    method : {"magnitude", "taylor", "fisher", "activation"}
        See above. On one batch and initial weights, "taylor" is SNIP.

    Returns
    -------
    Importance
        Scores, with `ranks` and `masks`. Biases and routers are not ranked.

    Raises
    ------
    ValueError
        The method is unknown, rows or targets are missing, or the model is not built, not compiled
        or has no kernels.

    References
    ----------
    Lee, Ajanthan, Torr 2019, "SNIP: single-shot network pruning based on connection sensitivity",
    equation 6 (taylor). Molchanov et al. 2019, "Importance estimation for neural network pruning",
    equation 8 (units). LeCun, Denker, Solla 1990, "Optimal brain damage", equation 5 (fisher, with
    the Fisher matrix's diagonal for the Hessian's). Sun et al. 2024, "A simple and effective
    pruning approach for large language models", equation 1 (activation).

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = gw.Sequential([gw.Input((4,)), gw.layers.Dense(1, name="out")])
    >>> model.compile("adam", "mse")
    >>> found = gw.decompose.importance(model, x, x[:, :1])
    >>> int(found.masks(0.25)["out"].sum())
    1
    """
    check_choice("method", method, METHODS)
    needs_targets = method in ("taylor", "fisher")
    if x is None and method != "magnitude":
        raise ValueError(f"x: expected rows for method {method!r}, got none")
    if y is None and needs_targets:
        raise ValueError(f"y: expected targets for method {method!r}, got none")
    kernels = find_kernels(model, None)
    if method == "magnitude":
        scores = {_name(each): np.abs(_weights(each)) for each in kernels}
        units = {
            first.name: np.linalg.norm(kernel_of(first), axis=0)
            * np.linalg.norm(kernel_of(second), axis=1)
            for first, second in dense_pairs(model)
        }
        return Importance(method, scores, units)
    if method == "activation":
        return _activation_importance(model, x, kernels)
    gradients = (mean_gradients if method == "taylor" else mean_square_gradients)(model, x, y)

    def products(layer: Any, parameter: str) -> Doubles:
        value = layer.native.get(parameter).astype(np.float64)
        gradient = gradients[layer.name][parameter].astype(np.float64)
        result: Doubles = value * gradient if method == "taylor" else value**2 * gradient / 2
        return result

    scores = {_name(each): np.abs(products(each.layer, each.name)) for each in kernels}
    units = {}
    for first, _ in dense_pairs(model):
        sums = products(first, "kernel").sum(axis=0)
        units[first.name] = np.abs(sums + (products(first, "bias") if first.use_bias else 0))
    return Importance(method, scores, units)


def dense_pairs(model: Model) -> list[tuple[Dense, Dense]]:
    """Each hidden `Dense` of a `Sequential` with the `Dense` that reads its units."""
    if not isinstance(model, Sequential):
        return []
    layers = model.layers
    return [
        (first, second)
        for first, second in pairwise(layers)
        if isinstance(first, Dense) and isinstance(second, Dense)
    ]


def layer_inputs(model: Sequential, layer: Any, x: Any) -> Any:
    """Input of a layer of a `Sequential` for the rows of x."""
    at = model.layers.index(layer)
    return Sequential([model.inputs[0], *model.layers[:at]]).predict(x, verbose=0) if at else x


def unit_activity(outputs: Doubles, reader: Dense) -> Doubles:
    """`mean(|h|) |w_out|` of the units whose outputs `(n, h)` a layer reads."""
    activity: Doubles = np.abs(outputs).mean(axis=0) * np.linalg.norm(kernel_of(reader), axis=1)
    return activity


def _activation_importance(model: Model, x: Any, kernels: list[Kernel]) -> Importance:
    if not isinstance(model, Sequential):
        raise ValueError(
            f"model: expected a Sequential for method 'activation', got {type(model).__name__}"
        )
    scores: dict[str, Doubles] = {}
    inputs_by_layer: dict[str, Any] = {}
    for kernel in kernels:
        if kernel.name not in ("kernel", "kernel_in", "kernel_gate", "kernel_value"):
            raise ValueError(
                "model: expected layers whose kernels read the layer's input for method "
                f"'activation', got {kernel.layer.name}/{kernel.name}"
            )
        if kernel.layer.name not in inputs_by_layer:
            inputs_by_layer[kernel.layer.name] = layer_inputs(model, kernel.layer, x)
        rows = inputs_by_layer[kernel.layer.name]
        mean_square = rows.multiply(rows).mean(axis=0) if hasattr(rows, "multiply") else None
        if mean_square is None:
            values = np.asarray(rows, np.float64)
            mean_square = (values.reshape(-1, values.shape[-1]) ** 2).mean(axis=0)
        scale = np.sqrt(np.asarray(mean_square, np.float64)).reshape(-1, 1)
        scores[_name(kernel)] = np.abs(_weights(kernel)) * scale
    units = {}
    for first, second in dense_pairs(model):
        outputs = inputs_by_layer[second.name].reshape(-1, first.units).astype(np.float64)
        units[first.name] = unit_activity(outputs, second)
    return Importance("activation", scores, units)


def _name(kernel: Kernel) -> str:
    return kernel.layer.name if isinstance(kernel.layer, Dense) else _expert_name(kernel)


def _expert_name(kernel: Kernel) -> str:
    return f"{kernel.layer.name}/{kernel.name}"


def _weights(kernel: Kernel) -> Doubles:
    return kernel.layer.native.get(kernel.name).astype(np.float64)


def kernel_of(layer: Dense) -> Doubles:
    """Kernel of the layer, `(d, u)` in float64."""
    return layer.native.get("kernel").astype(np.float64)


def ranks_of(scores: Doubles) -> npt.NDArray[np.int64]:
    """Rank of each score, 0 for the highest; of equal scores the first ranks first."""
    flat = scores.ravel()
    ranks = np.empty(flat.size, np.int64)
    ranks[np.argsort(-flat, kind="stable")] = np.arange(flat.size)
    return ranks
