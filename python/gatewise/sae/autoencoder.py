"""The sparse autoencoder in both of its forms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    from gatewise.sae.activations import CodeActivation
    from gatewise.sae.auxk import AuxK


class SparseAutoencoder(ReconstructionModel):
    """Rows as sparse codes, and back: one wide dictionary, or a stack of layers.

    The dictionary: `z = f((s (x - c) - b) W_e + b_e)` is the sparse code and
    `(z W_d + b) / s + c` the reconstruction, a sum of few of `latents` directions. The stack, where
    `hidden` is given: `h <- ReLU(h W + b)` through layers of these sizes, `z = f(h W + b)`, and
    back through the same sizes in reverse. The loss is the mean squared error and f's penalty.

    Parameters
    ----------
    latents : int
        Size m of the code: rows of the dictionary, or units of the middle layer.
    activation : str or CodeActivation, optional
        f. `gw.TopK(32)` unless given; in a stack `gw.ReLU()`, and it may be `gw.TopK`, `gw.KL` or
        `gw.Identity`.
    threshold : float
        Entries of a code at or under it are exactly 0, in training too, and pass no slope.
    hidden : tuple of int
        Sizes of the layers between rows and code; none for the dictionary.
    output_activation : str, optional
        Of a stack's last layer: "linear" unless given; "sigmoid" for data in [0, 1]; "relu" for
        data that are not negative, though units that begin at 0 for all rows stay there.
    center : bool or str, optional
        Whether c is the mean of the rows that `fit` sees first, or "geometric_median", their point
        of least mean distance; else it is 0. The dictionary has the mean unless given, the stack
        none.
    scale : bool, optional
        Whether s brings those rows, less c, to a mean square of 1 a value; else it is 1. As
        `center`.
    unit_norm, tied, subtract_bias, prefixes, auxk, num_experts, balance, lazy_updates
        Of the dictionary alone; see `SparseDictionary`.
    revive : bool, optional
        Whether, at the end of an epoch, units of the code that were active in none of its rows get
        new weights. Those of a stack make about half of the rows active; on unless given, but for
        `Identity`. Those of a dictionary point at what is left over of rows that are reconstructed
        badly; off unless given.
    input_dim : int, optional
        Width d; that of the first data unless given.
    seed : int, optional
        Of the first weights, of shuffles and of revived units.
    name : str, optional
        Made unless given.

    Raises
    ------
    ValueError
        An argument is out of range or has no meaning in this architecture, or k is above `latents`.
    TypeError
        An argument is of another type, or not supported.

    Notes
    -----
    A dictionary's step costs 2 n d m flops for the encoder; all else follows the active latents.
    `SparseDictionary` has the details. Results have the same bits on any number of threads.

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
    >>> sae.compile("adam")
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
        """A compiled stack input-hidden-hidden/2-output and back; Adam at 1e-3, mean squared error.

        Parameters
        ----------
        input_size : int
            Width d of the rows.
        hidden_size : int
            Units of the first layer, 2 or more; the second has half as many.
        output_size : int
            Size m of the code.
        **settings
            Other arguments of `SparseAutoencoder`.

        Raises
        ------
        TypeError, ValueError
            As `SparseAutoencoder`.
        """
        first = check_integer("hidden_size", hidden_size, 2)
        width = check_integer("input_size", input_size, 1)
        latents = check_integer("output_size", output_size, 1)
        model = cls(latents, hidden=(first, first // 2), input_dim=width, **settings)
        model.compile()
        return model

    @classmethod
    def import_from(cls, path: str | os.PathLike[str], format: str | None = None) -> Self:
        """The dictionary that a file or folder of another project holds.

        Parameters
        ----------
        path : path
            What the other project wrote.
        format : str, optional
            One of `gw.sae.files.FORMATS`; recognised from the files unless given.

        Raises
        ------
        OSError
            It cannot be read.
        ValueError
            It is in none of the formats, damaged, or of an architecture that is not supported.

        Notes
        -----
        `gw.sae.files.read` gives the arrays as they are, with what else the file said.
        """
        from gatewise.sae.files import read
        from gatewise.sae.stored_conversion import from_stored

        settings, values = from_stored(read(path, format))
        model = cls(**settings)
        dictionary = model.dictionary
        dictionary.parameters()
        for name, value in values.items():
            dictionary.native.set(name, value)
        dictionary.is_standardized = True
        return model

    def export_to(self, path: str | os.PathLike[str], format: str, overwrite: bool = False) -> None:
        """Writes the dictionary in another project's format, centre and scale folded in.

        Parameters
        ----------
        path : path
            Of the folder or file to be made.
        format : str
            "sae_lens", "sparsify", or "dictionary_learning" (which needs PyTorch).
        overwrite : bool
            Whether what is there may be replaced.

        Raises
        ------
        ValueError
            The format cannot hold such a dictionary, or the model is not built.
        FileExistsError
            Something is there and `overwrite` is False.
        """
        from gatewise.sae.files import write
        from gatewise.sae.stored_conversion import to_stored

        self._built_graph()
        write(to_stored(self.dictionary).folded(), path, format, overwrite)

    def _start(self, name: str | None) -> None:
        super()._start(name)
        self._seed = self.seed

    @property
    def latents(self) -> int:
        """Size m of the code."""
        return self._architecture.latents

    @property
    def dictionary(self) -> SparseDictionary:
        """The one layer that holds the parameters; a stack has none."""
        if not isinstance(self._architecture, DictionaryArchitecture):
            raise AttributeError(f"{self.name}: expected a dictionary, this is a stack: see layers")
        return self._architecture.code_layer

    def add(self, layer: Any) -> None:
        """Refused: an autoencoder keeps its layers. Put them into a `Sequential` of your own."""
        raise TypeError(f"{self.name}: expected no further layer, got {layer!r:.80}")

    def pop(self) -> Any:
        """Refused, as `add` is."""
        raise TypeError(f"{self.name}: expected to keep its layers")

    def dead_units(self, rows: int) -> Indices:
        """The units of the code that were above 0 in none of the last `rows` rows of training.

        Parameters
        ----------
        rows : int
            At least 1.

        Returns
        -------
        ndarray of int64

        Raises
        ------
        TypeError, ValueError
            `rows` is out of range, or the model is not built.
        """
        self._built_graph()
        return dead_units(self._architecture.code_layer, check_integer("rows", rows, 1))

    def drop_neurons(self, keep: Keep, hidden: Any = None) -> None:
        """Removes the neurons of smallest `|w_in| |w_out|`, and their rows and columns with them.

        w_in are the weights that lead to a neuron and w_out those that lead from it. The others
        keep theirs; fit the model again to make up for what is lost. The optimizer starts anew.

        Parameters
        ----------
        keep : int or float
            Units of the code to keep: their number, or as a float their share.
        hidden : int, float or sequence of them, optional
            The same for the hidden layers of a stack, in both halves: for all, or one for each of
            `hidden`. All neurons are kept unless given.

        Raises
        ------
        TypeError, ValueError
            An argument is out of range, k is above what is kept, or the model is not built; the
            model is as before.
        RuntimeError
            Another call is at work on the model.
        """
        self._built_graph()
        with self._trainer_lock.training("drop_neurons"):
            layers = self._architecture.prune_neurons(
                self._architecture.select_neurons(keep, hidden)
            )
            self._stack = layers
            self._connect()

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal model."""
        return {
            "name": self.name,
            "seed": self.seed,
            "input_dim": self.input_shape[-1] if self.built else None,
            **self._architecture.get_config(),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: None = None) -> Self:
        """A new model of these settings, with new weights."""
        settings = dict(config)
        layer_name = settings.pop("layer_name", None)
        model = cls(**settings)
        if layer_name is not None:
            model.dictionary.name = layer_name
        return model

    def _build_from_data(self, feature_shapes: Sequence[Sequence[int | None]]) -> None:
        if not self.built and len(feature_shapes) == 1:
            self._stack = self._architecture.layers(feature_shapes[0][-1])
        super()._build_from_data(feature_shapes)


def _refuse(architecture: str, **arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{name}: expected None, {architecture} has no such setting; got {value!r}"
            )
