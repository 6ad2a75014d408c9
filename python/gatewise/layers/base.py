"""What every layer can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from gatewise import _core, constraints
from gatewise.constraints import KeepZeros
from gatewise.layers.as_model import LayerAsModel
from gatewise.layers.names import automatic_name, check_name
from gatewise.layers.parameters import ParameterOwner
from gatewise.layers.storage import FLOAT32
from gatewise.layers.symbol import Node, Shape, Symbol, check_shape
from gatewise.registry import Config, NativeOptions, Registry
from gatewise.utils.checks import check_defaults, check_flag, check_integer

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from gatewise.constraints import Constraint
    from gatewise.regularizers import Regularizer


class ShapeOptions(TypedDict, total=False):
    """Arguments that every layer takes by name alone."""

    trainable: bool
    input_shape: tuple[int | None, ...] | None
    input_dim: int | None


class LayerOptions(ShapeOptions, total=False):
    """Those, and the ones that `SparseExpertLayer` lists itself."""

    name: str | None
    seed: int | None


class Layer(ParameterOwner, LayerAsModel):
    """A step from arrays to an array, with parameters of its own in the core.

    `layer(symbol)` connects it into a model; `layer(array)` computes, building the layer if need
    be. `compile`, `fit`, `predict` and the rest of a model's methods treat the layer as a model of
    one layer. A new kind of layer takes a C++ file that registers it, a subclass with `kind`,
    `native_options`, `compute_output_shape` and `get_config`, and a test.

    Parameters
    ----------
    name : str, optional
        Made from the class unless given.
    trainable : bool
        Whether training changes the parameters.
    seed : int, optional
        Of the first weights and of random numbers during training; unless given, the model's seed
        and the layer's place in the model decide them.
    input_shape : tuple of int, optional
        One sample's shape, for the first layer of a `Sequential`.
    input_dim : int, optional
        The same for samples of one axis: `input_shape=(input_dim,)`.

    Raises
    ------
    TypeError
        An argument is unknown, or not supported at another value than Keras' default.
    ValueError
        An argument is out of range.
    """

    kind: ClassVar[str]
    """The native core's name for this layer."""
    takes_several = False
    """Whether the layer joins a list of inputs."""
    keras_defaults: ClassVar[Config] = {}
    """Arguments of Keras that have no meaning here, with the one value that is accepted."""

    kernel_regularizer: Regularizer | None = None
    _kernel_constraint: Constraint | None = None

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        ParameterOwner.__init__(self)
        LayerAsModel.__init__(self)
        name = options.pop("name", None)
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        seed = options.pop("seed", None)
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        self._trainable = check_flag("trainable", options.pop("trainable", True))
        shape, width = options.pop("input_shape", None), options.pop("input_dim", None)
        self.declared_shape = _declared_shape(shape, width)
        keras_defaults = {"dtype": None, "activity_regularizer": None, **self.keras_defaults}
        check_defaults(type(self).__name__, dict(options), keras_defaults)
        self._input_shapes: list[Shape] = []

    def native_options(self) -> NativeOptions:
        """The settings under the names that the core reads."""
        return {}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The output's shape for an input's; for a list of them where the layer takes several."""
        return tuple(input_shape)

    def check_inputs(self, shapes: list[Shape]) -> None:
        """Refuses, by ValueError, inputs of a number or of shapes that the layer does not take."""
        if len(shapes) != 1:
            raise ValueError(f"{self.name}: expected one input, got {len(shapes)}")

    def get_config(self) -> Config:
        """The settings as JSON values, from which `from_config` makes an equal, unbuilt layer."""
        return {"name": self.name, "trainable": self._trainable, "seed": self.seed}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """The unbuilt layer that `get_config` described."""
        return cls(**config)

    def get_state(self) -> Config:
        """What a built layer is beside settings and weights, as JSON values."""
        return {"input_shapes": self._input_shapes, "random_stream": self._random_stream}

    def set_state(self, state: Config) -> None:
        """Builds the layer as `get_state` saw it; its weights are still to be set."""
        shapes = [tuple(shape) for shape in state["input_shapes"]]
        if shapes and not self.built:
            self.build(shapes)
        if state["random_stream"] is not None:
            self.set_random_stream(*state["random_stream"])

    def end_epoch(self) -> None:
        """What the layer does after an epoch of `fit`, on its own."""

    def describe(self) -> str:
        """What `summary()` calls the layer."""
        return f"{self.name} ({type(self).__name__})"

    @property
    def input_shape(self) -> Any:
        """The shape of the input that built the layer; a list where the layer takes several."""
        if not self._input_shapes:
            raise ValueError(f"{self.name}: expected a built layer, got one that has seen no input")
        return list(self._input_shapes) if self.takes_several else self._input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """The output's shape for `input_shape`."""
        return self.compute_output_shape(self.input_shape)

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters; may be set at any time."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = check_flag("trainable", value)
        if self._native is not None:
            self._native.trainable = value

    @property
    def kernel_constraint(self) -> Constraint | None:
        """What holds for the kernels after every update; may be set at any time."""
        return self._kernel_constraint

    @kernel_constraint.setter
    def kernel_constraint(self, value: str | Constraint | Config | None) -> None:
        self._kernel_constraint = constraints.get(value, "kernel_constraint")
        if self._native is not None:
            self._set_constraints(self._native)

    def build(self, input_shape: Any) -> None:
        """Makes the parameters for an input of shape `(None, ..., d)`, or for a list of shapes.

        Raises
        ------
        ValueError
            The layer cannot take such inputs, or is built for inputs of other widths.
        """
        several = isinstance(input_shape, list) and isinstance(input_shape[0], tuple)
        shapes = [tuple(shape) for shape in (input_shape if several else [input_shape])]
        widths = [self._check_shape(shape) for shape in shapes]
        self.check_inputs(shapes)
        if self._native is not None:
            self._check_built_for(widths, shapes)
            return
        native = _core.Layer(self.kind, self.native_options())
        native.build(widths)
        native.trainable = self._trainable
        self._native, self._input_shapes = native, shapes
        self._set_penalties(native)
        self._set_constraints(native)

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Connects symbols to a symbol, or computes an array from arrays as `predict` does.

        Parameters
        ----------
        inputs : Symbol, array, or a list of either
            An array is `(n, ..., d)`; a SciPy sparse matrix where the layer takes one.
        training : bool, optional
            False or None: only `fit` runs a layer as in training.

        Returns
        -------
        Symbol or ndarray of float32
        """
        symbols = as_symbols(inputs, self.name, training)
        return self.compute(inputs) if symbols is None else self.connect(symbols)

    def connect(self, symbols: Sequence[Symbol]) -> Symbol:
        """The symbol of this layer's output over `symbols`; builds the layer at the first call."""
        shapes = [symbol.shape for symbol in symbols]
        self.build(shapes)
        output_shape = self.compute_output_shape(shapes if self.takes_several else shapes[0])
        return Node(self, tuple(symbols), output_shape).output

    def _check_shape(self, shape: Shape) -> int:
        """The width of an input, which has two axes or more and the shape declared, if any."""
        width = shape[-1] if len(shape) > 1 else None
        if width is None:
            raise ValueError(f"{self.name}: expected an input (None, ..., d), got {shape}")
        if self.declared_shape is not None and shape[1:] != self.declared_shape:
            raise ValueError(
                f"{self.name}: expected its input_shape {self.declared_shape}, got {shape[1:]}"
            )
        return width

    def _check_built_for(self, widths: list[int], shapes: list[Shape]) -> None:
        built_for = [shape[-1] for shape in self._input_shapes]
        if widths != built_for:
            raise ValueError(
                f"{self.name}: expected inputs of width {', '.join(map(str, built_for))}, "
                f"for which the layer is built, got {', '.join(map(str, shapes))}"
            )

    def _set_penalties(self, native: _core.Layer) -> None:
        penalty = self.kernel_regularizer
        if penalty is None or self.storage != FLOAT32:
            return
        for parameter in native.parameters():
            if parameter.role == "kernel":
                native.set_penalty(parameter.name, penalty.l1, penalty.l2)
                native.set_penalty_groups(parameter.name, penalty.groups)

    def _set_constraints(self, native: _core.Layer) -> None:
        keeps_zeros = isinstance(self._kernel_constraint, KeepZeros)
        for parameter in native.parameters():
            if parameter.role == "kernel" and parameter.storage == FLOAT32:
                native.set_keeps_zeros(parameter.name, keeps_zeros)


LAYERS: Registry[Layer] = Registry("layer", Layer)


def as_symbols(inputs: Any, name: str, training: bool | None) -> list[Symbol] | None:
    """The symbols among a call's inputs; None if they are arrays.

    Raises
    ------
    TypeError
        Symbols are mixed with arrays, or `training` is set.
    """
    if training:
        raise TypeError(f"{name}: training: expected False or None, got {training!r}; use fit")
    several = inputs if isinstance(inputs, list | tuple) else [inputs]
    symbols = [each for each in several if isinstance(each, Symbol)]
    if symbols and len(symbols) != len(several):
        raise TypeError(f"{name}: expected symbols or arrays, got both")
    return symbols or None


def _declared_shape(shape: object, width: object) -> Shape | None:
    if width is not None and shape is not None:
        raise ValueError("input_dim: expected none beside input_shape, got both")
    if width is not None:
        return (check_integer("input_dim", width, 1),)
    return None if shape is None else check_shape("input_shape", shape)
