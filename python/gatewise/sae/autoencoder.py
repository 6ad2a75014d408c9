"""The sparse autoencoder, as a dictionary or a stack."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from gatewise.io.saved import MODELS
from gatewise.layers.storage import FLOAT32, refuse_quantized, storage_settings, take_storage
from gatewise.registry import Config
from gatewise.sae.architecture import Architecture, Keep
from gatewise.sae.dead_units import dead_units
from gatewise.sae.dictionary_architecture import DictionaryArchitecture
from gatewise.sae.reconstruction_model import ReconstructionModel
from gatewise.sae.sparse_dictionary import SparseDictionary
from gatewise.sae.stacked_architecture import StackedArchitecture
from gatewise.utils.checks import check_integer

if TYPE_CHECKING:
    from typing_extensions import Self

    from gatewise._core import Indices
    from gatewise.balance import Balance
    from gatewise.sae.auxk import AuxK
    from gatewise.sae.code_activation import CodeActivation


@MODELS.register()
class SparseAutoencoder(ReconstructionModel):
    """Encodes rows as sparse codes and reconstructs them: a dictionary, or a stack of layers.

    Dictionary: `z = f((s (x - c) - b) W_e + b_e)` is the sparse code and `(z W_d + b) / s + c` the
    reconstruction, a sum of few of `latents` directions. Stack, if `hidden` is given:
    `h <- ReLU(h W + b)` through layers of these sizes, `z = f(h W + b)`, then layers of the same
    sizes in reverse order. The loss is the mean squared error plus the penalty of f.

    Parameters
    ----------
    latents : int
        Size m of the code: rows of the dictionary, or units of the middle layer.
    activation : str or CodeActivation, optional
        f. Default `gw.TopK()`, with `min(32, max(1, m // 8))` active latents; for a stack
        `gw.ReLU()`, and `gw.TopK`, `gw.KL` and `gw.Identity` are supported.
    threshold : float
        Values of a code at or below it become exactly 0, in training too, and get no gradient.
    hidden : tuple of int
        Sizes of the layers between rows and code; empty for a dictionary.
    output_activation : str, optional
        Of a stack's last layer: "linear" (default); "sigmoid" for data in [0, 1]; "relu" for
        nonnegative data, though outputs that are initially 0 for all rows stay 0.
    center : bool or str, optional
        True or "mean": c is the mean of the first rows that `fit` sees. "geometric_median": c is
        the point of smallest mean distance to them. False: c is 0. Default True for a dictionary,
        False for a stack.
    scale : bool, optional
        If True, s scales those rows minus c to a mean square of 1 per value; else s is 1. Default
        as for `center`. A stack with `KL` and linear outputs standardizes rows by default.
    unit_norm, tied, subtract_bias, prefixes, auxk, num_experts, balance, lazy_updates
        For a dictionary only; see `SparseDictionary`.
    revive : bool, optional
        If True, dead units of the code are re-initialised before the next epoch. A unit is dead if
        it was inactive in the last `max(rows of the epoch, 20 m / k)` training rows, with k = 1
        for an activation without k. In a stack, a unit is made active in about half of the rows;
        default True except for `Identity`. In a dictionary, latents are set to residuals of poorly
        reconstructed rows; default False.
    input_dim : int, optional
        Width d; that of the first data if omitted.
    seed : int, optional
        Seed of initial weights, shuffles and revived units.
    name : str, optional
        Generated if omitted.

    Raises
    ------
    ValueError
        An argument is out of range or does not apply to the architecture, or k exceeds `latents`.
    TypeError
        An argument has the wrong type or is not supported.

    Notes
    -----
    A step of a dictionary costs 2 n d m flops for the encoder; the rest is proportional to the
    active latents. See `SparseDictionary`. Results have the same bits for any thread count.

    References
    ----------
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders"; Bricken et al. 2023, "Towards
    monosemanticity"; for the stack Hinton, Salakhutdinov 2006, "Reducing the dimensionality of data
    with neural networks".

    Examples
    --------
    >>> import gatewise as gw, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 16))
    >>> sae = gw.SparseAutoencoder(64, activation=gw.TopK(4), seed=0)
    >>> sae.compile()
    >>> history = sae.fit(x, epochs=2, verbose=0)
    >>> sae.encode(x).shape
    (200, 64)
    >>> stack = gw.SparseAutoencoder.stacked(16, 12, 4, activation=gw.TopK(3), seed=0)
    >>> history = stack.fit(x, epochs=2, verbose=0)
    >>> stack.encode(x).shape
    (200, 4)
    """

    def __init__(
        self,
        latents: int,
        activation: str | CodeActivation | Config | None = None,
        threshold: float = 0.0,
        hidden: Sequence[int] | None = (),
        output_activation: str | None = None,
        center: bool | str | None = None,
        scale: bool | None = None,
        unit_norm: bool | None = None,
        tied: bool | None = None,
        subtract_bias: bool | None = None,
        prefixes: Sequence[int] | None = None,
        auxk: AuxK | Config | None = None,
        num_experts: int | None = None,
        balance: str | Balance | Config | Sequence[str | Balance | Config] | None = None,
        lazy_updates: bool | None = None,
        revive: bool | None = None,
        input_dim: int | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        both: Config = {
            "activation": activation,
            "threshold": threshold,
            "center": center,
            "scale": scale,
            "revive": revive,
        }
        dictionary: Config = {
            "unit_norm": unit_norm,
            "tied": tied,
            "subtract_bias": subtract_bias,
            "prefixes": prefixes,
            "auxk": auxk,
            "num_experts": num_experts,
            "balance": balance,
            "lazy_updates": lazy_updates,
        }
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        width = None if input_dim is None else check_integer("input_dim", input_dim, 1)
        self._architecture: Architecture
        if hidden is None or (isinstance(hidden, Sequence) and not len(hidden)):
            _refuse("a dictionary", output_activation=output_activation)
            self._architecture = DictionaryArchitecture(latents, **both, **dictionary)
        else:
            _refuse("a stack", **dictionary)
            self._architecture = StackedArchitecture(
                latents, hidden, **both, output_activation=output_activation
            )
        super().__init__(self._architecture.layers(width), name=name)
        if width is not None:
            self._build_from_data([(None, width)])

    @classmethod
    def stacked(cls, input_size: int, hidden_size: int, output_size: int, **settings: Any) -> Self:
        """A stack input-hidden-hidden/2-output and back, compiled with Adam at 1e-3 and MSE.

        Parameters
        ----------
        input_size : int
            Width d of the rows.
        hidden_size : int
            Units of the first layer, at least 2; the second has half as many.
        output_size : int
            Size m of the code.
        **settings
            Other arguments of `SparseAutoencoder`.

        Raises
        ------
        TypeError, ValueError
            As for `SparseAutoencoder`.
        """
        first = check_integer("hidden_size", hidden_size, 2)
        width = check_integer("input_size", input_size, 1)
        latents = check_integer("output_size", output_size, 1)
        model = cls(latents, hidden=(first, first // 2), input_dim=width, **settings)
        model.compile("adam")
        return model

    @classmethod
    def import_from(
        cls,
        path: str | os.PathLike[str],
        format: str | None = None,
        activation: CodeActivation | None = None,
    ) -> Self:
        """Reads a dictionary from a file or folder of another project.

        Parameters
        ----------
        path : path
            File or folder that the other project wrote.
        format : str, optional
            One of `gw.sae.files.FORMATS`; if omitted, recognised from the file names.
        activation : CodeActivation, optional
            Of the file's kind, with the settings to train with. Files do not store the penalty of
            `ReLU`, `JumpReLU` and `Gated`: without it, `fit` asks for one.

        Raises
        ------
        OSError
            A file cannot be read.
        ValueError
            The format is unknown, a file is damaged, the architecture is not supported, or the file
            has another activation.

        Notes
        -----
        `gw.sae.files.read` returns the arrays unchanged, with the file's other settings.
        """
        from gatewise.sae.files import read
        from gatewise.sae.stored_conversion import from_stored

        settings, values = from_stored(read(path, format))
        if activation is not None:
            if type(activation) is not type(settings["activation"]):
                kind = type(settings["activation"]).__name__
                raise ValueError(f"activation: expected {kind} as in {path}, got {activation!r}")
            settings["activation"] = activation
        model = cls(**settings)
        dictionary = model.dictionary
        dictionary.parameters()
        for name, value in values.items():
            dictionary.native.set(name, value)
        dictionary.is_standardized = True
        return model

    def export_to(self, path: str | os.PathLike[str], format: str, overwrite: bool = False) -> None:
        """Writes the dictionary in another project's format, with c and s folded into the weights.

        Parameters
        ----------
        path : path
            Folder to write.
        format : str
            "sae_lens", "sparsify", or "dictionary_learning" (which needs PyTorch).
        overwrite : bool
            Whether an existing folder may be replaced.

        Raises
        ------
        ValueError
            The format cannot hold this dictionary, or the model is not built.
        AttributeError
            The model is a stack.
        FileExistsError
            `path` exists and `overwrite` is False.
        ImportError
            The format needs PyTorch, which cannot be imported.
        OSError
            The folder cannot be written.
        """
        from gatewise.sae.files import write
        from gatewise.sae.stored_conversion import to_stored

        self._built_graph()
        write(to_stored(self.dictionary).folded(), path, format, overwrite)

    def _start(self, name: str | None) -> None:
        super()._start(name)
        self._state.seed = self.seed

    @property
    def latents(self) -> int:
        """Size m of the code."""
        return self._architecture.latents

    @property
    def dictionary(self) -> SparseDictionary:
        """The one layer that holds the parameters; AttributeError for a stack."""
        if not isinstance(self._architecture, DictionaryArchitecture):
            raise AttributeError(f"{self.name}: expected a dictionary, this is a stack: see layers")
        return self._architecture.code_layer

    def add(self, layer: Any) -> None:
        """Raises TypeError: the layers are fixed. Use them in another `Sequential` instead."""
        raise TypeError(f"{self.name}: expected no further layer, got {layer!r:.80}")

    def pop(self) -> Any:
        """Raises TypeError, as `add` does."""
        raise TypeError(f"{self.name}: expected to keep its layers")

    def dead_units(self, rows: int) -> Indices:
        """Indices of the code units that were inactive in all of the last `rows` training rows.

        Parameters
        ----------
        rows : int
            At least 1.

        Returns
        -------
        ndarray of int64
            Ascending.

        Raises
        ------
        TypeError, ValueError
            `rows` is not an integer of at least 1, or the model is not built.
        """
        self._built_graph()
        return dead_units(self._architecture.code_layer, check_integer("rows", rows, 1))

    def drop_neurons(self, keep: Keep, hidden: Any = None) -> None:
        """Removes the neurons of smallest `|w_in| |w_out|` with their rows and columns.

        w_in are the incoming and w_out the outgoing weights of a neuron. The other neurons keep
        their weights; fit the model again to recover accuracy. The optimizer state is reset.

        Parameters
        ----------
        keep : int or float
            Units of the code to keep: a count, or a fraction if it is a float.
        hidden : int, float or sequence of them, optional
            The same for the hidden layers of a stack, in both encoder and decoder: one value for
            all layers, or one per layer. If omitted, all hidden neurons are kept.

        Raises
        ------
        TypeError, ValueError
            An argument is out of range, k exceeds the kept units, or the model is not built or is
            quantized. The model is unchanged.
        RuntimeError
            Another call is using the model.
        """
        self._built_graph()
        refuse_quantized("drop_neurons", self.layers)
        with self._state.lock.training("drop_neurons"):
            layers = self._architecture.prune_neurons(
                self._architecture.select_neurons(keep, hidden)
            )
            self._stack = layers
            self._connect()

    def layer_settings(self) -> Config:
        settings = {
            "name": self.name,
            "seed": self.seed,
            "input_dim": self.input_shape[-1] if self.built else None,
            **self._architecture.get_config(),
        }
        storage, block_size = self._architecture.storage
        if storage == FLOAT32:
            return settings
        return {**settings, **storage_settings(storage, block_size)}

    def stored_settings(self, names: Collection[str], storage: Config) -> Config:
        return {**self.layer_settings(), **storage}

    @classmethod
    def from_layer_settings(cls, config: Config) -> Self:
        settings = dict(config)
        layer_name = settings.pop("layer_name", None)
        storage = take_storage(settings)
        width = settings.pop("input_dim", None)
        model = cls(**settings)
        model._architecture.storage = storage
        if layer_name is not None:
            model.dictionary.name = layer_name
        if width is not None:
            model._build_from_data([(None, check_integer("input_dim", width, 1))])
        return model

    def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None:
        if not self.built and len(feature_shapes) == 1:
            self._stack = self._architecture.stored_layers(feature_shapes[0][-1])
        super()._build_from_data(feature_shapes)


def _refuse(architecture: str, **arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{name}: expected None, {architecture} has no such setting; got {value!r}"
            )
