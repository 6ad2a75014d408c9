"""Compression of a model for prediction: layers that store only nonzero weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import _core
from gatewise.compress.form_choice import choose_form
from gatewise.layers import CompressedDense, Dense, SparseExpertLayer
from gatewise.layers.base import LAYERS
from gatewise.layers.compressed_dense import FORMS
from gatewise.layers.fusing import can_be_fused, fused_weights
from gatewise.layers.storage import FLOAT32
from gatewise.models import Model
from gatewise.models.copying import copy_model
from gatewise.sae import SparseAutoencoder
from gatewise.utils.checks import check_number
from gatewise.utils.deprecation import renamed_arguments

if TYPE_CHECKING:
    from typing import TypeVar

    from gatewise._core import Floats
    from gatewise.layers import Layer
    from gatewise.layers.base import LayerOptions

    M = TypeVar("M", bound=Model)


@renamed_arguments(least_zeros="min_sparsity")
def compress(model: M, form: str = "auto", min_sparsity: float = 0.25) -> M:
    """Makes a model for prediction that stores only the nonzero weights of sparse layers.

    `y = f(x W + b)` of a compressed layer sums over the nonzero weights in the same order and has
    the same bits as the dense layer; see `CompressedDense`. A `Dense` layer is compressed as it
    is. Linear experts whose weights are the same for every row (routers `All` and `Static`) are
    first merged into one matrix, `W = sum_i alpha_i W_i`, which changes their outputs by rounding;
    the zeros of W count, not those of the experts. All other layers are copied.

    Parameters
    ----------
    model : Model
        A built `Sequential` or `Model`.
    form : {"auto", "csr", "blocks"}
        Storage of each layer with enough zeros. `"csr"` stores the nonzero weights by unit.
        `"blocks"` stores, for each 16 units, the inputs that at least one of them reads; it suits
        models from which whole inputs or units were dropped. `"auto"` times both forms and the
        dense layer, with 1 and 256 random rows and the current thread count. For each layer it
        takes the fastest form that is smaller than the dense layer and not slower with either row
        count.
    min_sparsity : float
        Minimum fraction of zeros in a kernel, from 0 to 1; layers with fewer zeros stay dense.

    Returns
    -------
    Model
        A model of the same class with the same names and compile settings. With a compressed
        layer, `fit` and `set_weights` raise an error, `evaluate` omits the penalties of that
        layer, and `get_weights` returns dense arrays. If no layer has enough zeros, or the dense
        layers are fastest, the result is a copy.

    Raises
    ------
    TypeError
        `model` is not a model.
    ValueError
        The model is not built, is a `SparseAutoencoder`, or has no layer that can be compressed;
        or another argument is out of range.

    Notes
    -----
    Timing takes about 0.1 s for a layer of 2,048 inputs and units. The choice of `"auto"` may
    differ between machines, and between runs if two forms are about equally fast. It does not
    change predictions, except that merged experts differ by rounding; experts stay separate if no
    form is chosen.

    `quantize` can be applied to experts chosen by a router before or after: the two functions
    change different layers.

    References
    ----------
    Hoefler, Alistarh, Ben-Nun, Dryden, Peste 2021, "Sparsity in deep learning", section 2.2, on
    storage formats and the fraction of zeros above which they pay.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> random = np.random.default_rng(0)
    >>> kernel = random.normal(size=(256, 128)) * (random.random((256, 128)) < 0.05)
    >>> model = gw.Sequential([gw.Input(shape=(256,)), gw.layers.Dense(128)])
    >>> model.set_weights([kernel, np.zeros(128)])
    >>> small = gw.compress.compress(model, form="csr")
    >>> model.count_nonzero() == small.count_nonzero()
    True
    >>> model.count_bytes() / small.count_bytes() > 9
    True
    >>> x = random.normal(size=(10, 256))
    >>> np.array_equal(model.predict(x, verbose=0), small.predict(x, verbose=0))
    True
    """
    _check(model, form)
    min_sparsity = check_number("min_sparsity", min_sparsity, 0, 1)
    candidates = [layer for layer in model.layers if _is_candidate(layer)]
    if not candidates and not any(isinstance(each, CompressedDense) for each in model.layers):
        raise ValueError(
            "model: expected a layer that can be compressed (Dense, or linear experts under the "
            f"routers All and Static), got {', '.join(each.describe() for each in model.layers)}"
        )
    compressed: dict[str, Layer] = {}
    for layer in candidates:
        if (found := _compressed(layer, form, min_sparsity)) is not None:
            compressed[layer.name] = found
    config = model.get_config()
    config["layers"] = [
        LAYERS.serialize(compressed[name])
        if (name := each["config"]["name"]) in compressed
        else each
        for each in config["layers"]
    ]

    def put_weights(layer: Layer, copy: Layer) -> None:
        copy.set_stored_weights(compressed.get(layer.name, layer).stored_weights())

    return copy_model(model, config, put_weights)


def _check(model: object, form: str) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a model, got {type(model).__name__}")
    if isinstance(model, SparseAutoencoder):
        raise ValueError(
            "model: expected a Sequential or a Model, got a SparseAutoencoder, whose codes are "
            "sparse, not its weights"
        )
    if not model.built:
        raise ValueError("model: expected a built model, got one that has seen no input")
    if form not in ("auto", *FORMS):
        raise ValueError(f"form: expected one of auto, {', '.join(FORMS)}, got {form!r}")


def _is_candidate(layer: Layer) -> bool:
    if isinstance(layer, SparseExpertLayer):
        return layer.storage == FLOAT32 and can_be_fused(layer)
    return isinstance(layer, Dense)


def _compressed(layer: Any, form: str, min_sparsity: float) -> CompressedDense | None:
    """The layer in the given or the fastest form; None if it stays as it is."""
    is_dense = isinstance(layer, Dense)
    kernel, *rest = layer.get_weights() if is_dense else fused_weights(layer)
    if np.count_nonzero(kernel) > (1 - min_sparsity) * kernel.size:
        return None
    bias = rest[0] if rest else None
    own: LayerOptions = {"name": layer.name, "trainable": layer.trainable, "seed": layer.seed}
    forms = {
        each: CompressedDense.from_kernel(kernel, bias, each, layer.activation, **own)
        for each in (FORMS if form == "auto" else [form])
    }
    if form != "auto":
        return forms[form]
    chosen = choose_form(layer.native if is_dense else _dense(layer, kernel), forms)
    return None if chosen is None else forms[chosen]


def _dense(layer: SparseExpertLayer, kernel: Floats) -> _core.Layer:
    """The dense layer equivalent to the fused experts, for timing."""
    options = {"units": layer.units, "activation": layer.activation, "use_bias": layer.use_bias}
    dense = _core.Layer(Dense.kind, options)
    dense.build([len(kernel)])
    dense.set("kernel", kernel)
    return dense
