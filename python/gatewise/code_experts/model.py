"""Experts on a code: encoder, experts, fusion with the input, output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gatewise import activations
from gatewise import balance as balances
from gatewise import experts as expert_kinds
from gatewise.code_experts.contributions import (
    Contributions,
    gate_values,
    integrated_gradients,
    is_linear,
    linear_contributions,
)
from gatewise.code_experts.encoders import (
    check_encoder,
    encode_rows,
    encoder_layers,
    fit_if_unfitted,
)
from gatewise.code_experts.fusion import FUSIONS, RAW, fuse
from gatewise.code_experts.saved import SavedCodeExperts
from gatewise.data.csr import core_rows, is_sparse, to_csr
from gatewise.data.split import training_samples
from gatewise.io.group_file import GROUPS
from gatewise.layers import Dense, Dropout, Input, SparseExpertLayer
from gatewise.models import Model
from gatewise.models.copying import config_without_dropout, copy_model
from gatewise.utils.checks import check_choice, check_integer, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewise._core import Floats
    from gatewise.balance import Balance
    from gatewise.callbacks import History
    from gatewise.experts import Expert
    from gatewise.optimizers import Optimizer
    from gatewise.registry import Config

TRAININGS = ("frozen", "fine_tuned", "joint")


@GROUPS.register()
class SparseCodeExperts(SavedCodeExperts):
    """Experts on a code: an encoder, experts that read its code, and fusion with the input.

    `z = S(x)`, `e = sum_{i in A(z)} w_i(z) E_i(z)`, `y = f(fuse(e, x) V + b)`. An encoder S
    computes a sparse code of each row, experts read the code as CSR, and their output is fused
    with the input.

    Parameters
    ----------
    encoder : object with `encode` or `transform`
        S: a `SparseAutoencoder`, a `PatchEncoder`, a scikit-learn transformer, ...; `fit` fits a
        transformer that is not fitted yet.
    output_dim : int
        Width of y.
    units : int
        u, output width of the experts.
    num_experts, k, expert, balance
        As for `SparseExpertLayer`; a convolution (`gw.experts.Conv1D`, `Conv2D`) gets the shape of
        its map from a `PatchEncoder`.
    fusion : {"concat", "gated_sum", "residual"}
        `[e, r]`; `g * e + (1 - g) * r` with `g = sigmoid(x W_g + b_g)`; or `e + r`. r is x, or a
        learned projection of x if widths must match or x is sparse.
    raw_units : int, optional
        Width of the projection in "concat"; if omitted, x is not projected.
    raw_activation : str, optional
        Activation of the projection, by name; default linear.
    activation : str, optional
        f, default linear.
    dropout : float in [0, 1)
        Dropout rate of the fused values.
    training : {"frozen", "fine_tuned", "joint"}
        Whether the encoder is not trained, is trained on the task, or is trained on the task and
        its reconstruction. The last two require a `SparseAutoencoder`.
    reconstruction_weight : float
        Weight of the mean squared error of the reconstruction, for "joint".
    seed : int, optional
        Seed of initial weights.

    Raises
    ------
    ValueError
        A number is out of range, or a name is unknown.
    TypeError
        The encoder has neither method, or an argument has the wrong type.

    Notes
    -----
    With a frozen encoder, codes are computed once per call. Products with the experts' weights read
    only nonzeros of the codes, forward and backward; no array of width m is dense.

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    >>> sae = gw.SparseAutoencoder(16, activation=gw.TopK(4), seed=0)
    >>> sae.compile("adam"); _ = sae.fit(x, epochs=1, verbose=0)
    >>> model = gw.SparseCodeExperts(sae, output_dim=2, activation="softmax")
    >>> model.compile("adam", "sparse_categorical_crossentropy")
    >>> _ = model.fit(x, (x[:, 0] > 0).astype(int), epochs=1, verbose=0)
    >>> parts = model.contributions(x[:3], output=1)
    >>> bool(np.abs(parts.completeness_error).max() < 1e-5)
    True
    """

    def __init__(
        self,
        encoder: Any,
        output_dim: int,
        units: int = 64,
        num_experts: int = 8,
        k: int = 2,
        expert: str | Expert | Config = "linear",
        fusion: str = "concat",
        raw_units: int | None = None,
        raw_activation: str | None = None,
        activation: str | None = None,
        balance: str | Balance | Config | Sequence[str | Balance | Config] | None = "auto",
        dropout: float = 0.0,
        training: str = "frozen",
        reconstruction_weight: float = 1.0,
        seed: int | None = None,
    ) -> None:
        check_encoder(encoder)
        self.encoder = encoder
        self.output_dim = check_integer("output_dim", output_dim, 1)
        self.units = check_integer("units", units, 1)
        self.num_experts = check_integer("num_experts", num_experts, 1)
        self.k = check_integer("k", k, 1)
        self.expert = expert_kinds.get(expert)
        self.fusion = check_choice("fusion", fusion, FUSIONS)
        self.raw_units = None if raw_units is None else check_integer("raw_units", raw_units, 1)
        self.raw_activation = activations.get(raw_activation)
        self.activation = activations.get(activation)
        self.balance = balance
        self.dropout = check_number("dropout", dropout, 0, 1)
        self.training = check_choice("training", training, TRAININGS)
        self.reconstruction_weight = check_number("reconstruction_weight", reconstruction_weight, 0)
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        self._compiled: dict[str, Any] | None = None
        self._model: Model | None = None
        self._encoding: Model | None = None

    @property
    def model(self) -> Model:
        """The model after the encoder, or including it if trained; AttributeError before `fit`."""
        if self._model is None:
            raise AttributeError(
                "SparseCodeExperts: expected a built model; call fit or build first"
            )
        return self._model

    @property
    def expert_layer(self) -> SparseExpertLayer:
        """The expert layer that reads the code; AttributeError before `fit`."""
        return next(each for each in self.model.layers if isinstance(each, SparseExpertLayer))

    def compile(
        self,
        optimizer: str | Optimizer = "adam",
        loss: Any = "mse",
        metrics: Any = None,
    ) -> None:
        """Sets optimizer, loss and metrics, as `Model.compile`."""
        self._compiled = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        if self._model is not None:
            self._compile_model()

    def build(self, x: Any) -> None:
        """Builds the model for rows like x; fits the encoder if it is a transformer not yet fitted.

        Parameters
        ----------
        x : array or SciPy sparse matrix (n, d)
            Rows that the encoder accepts.

        Raises
        ------
        TypeError, ValueError
            The encoder cannot be trained as `training` requires, or a layer does not fit the code.
        """
        if self._model is not None:
            return
        fit_if_unfitted(self.encoder, x)
        if self.training == "frozen":
            self._build_frozen(x)
        else:
            self._build_trainable(int(x.shape[1]))
        if self._compiled is not None:
            self._compile_model()

    def encode(self, x: Any) -> Any:
        """The codes of rows, SciPy CSR `(n, m)`; by the trained encoder if it is not frozen."""
        if self._encoding is None:
            return encode_rows(self.encoder, x)
        from scipy.sparse import csr_array

        return csr_array(self._encoding.predict(x, verbose=0))

    def fit(self, x: Any, y: Any, validation_data: Any = None, **options: Any) -> History:
        """Trains the model, and the encoder unless it is frozen.

        Parameters
        ----------
        x : array or SciPy sparse matrix (n, d)
            Rows.
        y : array
            Labels or targets, in the form that the loss expects.
        validation_data : (x, y), optional
            Held-out rows.
        **options
            See `Model.fit`.

        Returns
        -------
        History

        Raises
        ------
        TypeError, ValueError
            The model is not compiled, rows and targets do not fit together, or as for `build`.
        """
        if self._compiled is None:
            raise ValueError("SparseCodeExperts: expected a compiled model; call compile first")
        x = _rows(x)
        split = options.get("validation_split", 0.0) if validation_data is None else 0.0
        self.build(_training_rows(x, split, options.get("sample_weight")))
        if validation_data is not None:
            held_out = _rows(validation_data[0])
            validation_data = (self._inputs(held_out), self._targets(held_out, validation_data[1]))
        return self.model.fit(
            self._inputs(x), self._targets(x, y), validation_data=validation_data, **options
        )

    def predict(self, x: Any, **options: Any) -> Floats:
        """The outputs `(n, output_dim)`; AttributeError before `fit`."""
        found = self.model.predict(self._inputs(_rows(x)), **{"verbose": 0, **options})
        result: Floats = found[0] if self.training == "joint" else found
        return result

    def evaluate(self, x: Any, y: Any, **options: Any) -> Any:
        """The loss and metrics, as `Model.evaluate`; AttributeError before `fit`."""
        x = _rows(x)
        return self.model.evaluate(self._inputs(x), self._targets(x, y), **options)

    def contributions(self, x: Any, output: int = 0) -> Contributions:
        """Contribution of each feature of the code to an output before its activation.

        Exact for linear experts, with the experts and weights selected for the code. Others use
        integrated gradients from an empty code; `completeness_error` is their error.

        Parameters
        ----------
        x : array or SciPy sparse matrix (n, d)
            Rows.
        output : int
            Index of the output, from 0.

        Raises
        ------
        AttributeError
            Before `fit`.
        ValueError
            The index is out of range, or the encoder was trained with the experts.
        """
        if not 0 <= output < self.output_dim:
            raise ValueError(
                f"output: expected an index from 0 to {self.output_dim - 1}, got {output}"
            )
        if self.training != "frozen":
            raise ValueError(
                f"contributions: expected training='frozen', got {self.training!r}; freeze the "
                "trained encoder in a new model"
            )
        rows = _rows(x)
        codes, raw = self._inputs(rows)
        plain = _without_dropout_and_losses(self.model)
        before = plain.predict([codes, raw], verbose=0)[:, output].astype(np.float64)
        if is_linear(self.expert_layer):
            last = self.model.layers[-1]
            weights = last.native.get("kernel")[: self.units, output].astype(np.float64)
            gates = gate_values(self.model, raw)
            values, base = linear_contributions(self.expert_layer, codes, weights, gates)
            base = base + self._raw_contribution(raw, gates, output)
        else:
            rows = core_rows(raw, "x", raw.shape[1])
            values, base = integrated_gradients(plain, codes, rows, output)
        error = base + np.asarray(values.sum(axis=1)).ravel() - before
        return Contributions(values, base, before, error)

    def _raw_contribution(self, raw: Any, gates: Any, output: int) -> Any:
        """The contribution of the input, plus the bias of the last layer."""
        named = {each.name: each for each in self.model.layers}
        projected = named[RAW](raw) if RAW in named else raw
        rows = np.asarray(projected, np.float64)
        last = self.model.layers[-1].native
        kernel = last.get("kernel").astype(np.float64)[:, output]
        weights = kernel[self.units :] if self.fusion == "concat" else kernel
        if gates is not None:
            rows = rows * (1 - gates)
        return rows @ weights + float(last.get("bias")[output])

    def _build_frozen(self, x: Any) -> None:
        codes = encode_rows(self.encoder, x[:1])
        code, raw = Input((codes.shape[1],), name="code"), Input((x.shape[1],), name="raw")
        fused = self._fuse(self._experts()(code), raw, is_sparse(x))
        self._model = Model([code, raw], self._output_layers(fused))

    def _build_trainable(self, width: int) -> None:
        raw = Input((width,), name="raw")
        down, up = encoder_layers(self.encoder, width)
        code: Any = raw
        for layer in down:
            code = layer(code)
        fused = self._fuse(self._experts()(code), raw, False)
        outputs = [self._output_layers(fused)]
        if self.training == "joint":
            reconstruction = code
            for layer in up:
                reconstruction = layer(reconstruction)
            outputs.append(reconstruction)
        self._encoding = Model(raw, code)
        self._model = Model(raw, outputs)

    def _fuse(self, experts: Any, raw: Any, sparse: bool) -> Any:
        return fuse(self.fusion, experts, raw, self.raw_units, self.raw_activation, sparse)

    def _experts(self) -> SparseExpertLayer:
        expert = self.expert
        shape = getattr(self.encoder, "map_shape", None)
        if isinstance(expert, expert_kinds.Convolution):
            expert = expert.with_map(shape)
        return SparseExpertLayer(
            self.units,
            num_experts=self.num_experts,
            k=self.k,
            expert=expert,
            balance=self.balance if self.k < self.num_experts else None,
            seed=self.seed,
            name="code_experts",
        )

    def _output_layers(self, fused: Any) -> Any:
        if self.dropout:
            fused = Dropout(self.dropout)(fused)
        output = Dense(self.output_dim, activation=self.activation, seed=self.seed, name="output")
        return output(fused)

    def _compile_model(self) -> None:
        assert self._compiled is not None
        settings = dict(self._compiled)
        if self.training == "joint":
            settings["loss"] = [settings["loss"], "mse"]
            settings["loss_weights"] = [1.0, self.reconstruction_weight]
            if settings["metrics"] is not None:
                settings["metrics"] = [settings["metrics"], None]
        self.model.compile(**settings)

    def _inputs(self, x: Any) -> Any:
        return [encode_rows(self.encoder, x), x] if self.training == "frozen" else x

    def _targets(self, x: Any, y: Any) -> Any:
        return [y, x] if self.training == "joint" else y


def _training_rows(x: Any, validation_split: Any, sample_weight: Any) -> Any:
    """The rows to train on, without those of weight 0."""
    kept = training_samples(x.shape[0], validation_split)
    weights = None if sample_weight is None else np.asarray(sample_weight)
    if weights is None or weights.shape != (x.shape[0],) or weights[:kept].all():
        return x[:kept]
    return x[np.flatnonzero(weights[:kept])]


def _rows(x: Any) -> Any:
    return to_csr(x, "x") if is_sparse(x) else np.asarray(x, np.float32)


def _without_dropout_and_losses(model: Model) -> Model:
    """A copy of the model without dropout, auxiliary losses and the last activation."""
    config = config_without_dropout(model)
    for described in config["layers"]:
        settings = described["config"]
        if described["class_name"] == SparseExpertLayer.__name__:
            # A selection bias is not a loss and affects which experts are selected.
            terms = settings["balance"] or []
            settings["balance"] = [
                each for each in terms if each["class_name"] == balances.Bias.__name__
            ] or None
        if settings["name"] == "output":
            settings["activation"] = None
    return copy_model(model, config)
