"""Base class of all layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from gatewise.dtype_policies import MIXED, DTypePolicy, dtype_policy, get_policy
from gatewise.layers.as_model import LayerAsModel
from gatewise.layers.core_layers import CoreLayers
from gatewise.layers.names import automatic_name, check_name
from gatewise.layers.symbol import Node, Shape, Symbol, as_symbols, check_shape
from gatewise.registry import Config, Registry
from gatewise.utils import html
from gatewise.utils.checks import check_defaults, check_flag, check_integer
from gatewise.utils.errors import NotBuiltError
from gatewise.utils.unused_hooks import RefusesUnusedHooks, hooks
from gatewise.utils.value_limit import values_left

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from gatewise._core import Indices
    from gatewise.regularizers import Regularizer


class ShapeOptions(TypedDict, total=False):
    """Keyword-only arguments of every layer."""

    trainable: bool
    input_shape: tuple[int | None, ...] | None
    input_dim: int | None
    dtype: str | DTypePolicy | None


class NamedOptions(ShapeOptions, total=False):
    """`ShapeOptions` with `name` and `seed`, which `SparseExpertLayer` lists in its signature."""

    name: str | None
    seed: int | None


class LayerOptions(NamedOptions, total=False):
    """`NamedOptions` with `activity_regularizer`, which `Dense` lists in its signature."""

    activity_regularizer: str | Regularizer | Config | None


class Layer(CoreLayers, LayerAsModel, RefusesUnusedHooks):
    """Computes an array from one or more arrays; its parameters live in the core.

    `layer(symbol)` connects the layer into a model. `layer(array)` computes its output and builds
    it if necessary. `compile`, `fit`, `predict` and the other methods of a model treat the layer as
    a model of one layer. A new kind of layer needs a C++ file that registers it, a subclass with
    `kind`, `native_options`, `compute_output_shape` and `get_config`, and a test.

    Parameters
    ----------
    name : str, optional
        Derived from the class name if omitted.
    trainable : bool
        If True, training updates the parameters.
    seed : int, optional
        Seed of the initial weights and of random numbers in training. If omitted, both depend on
        the model's seed and the layer's index in the model.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a `Sequential`.
    input_dim : int, optional
        Short for `input_shape=(input_dim,)`.
    activity_regularizer : str or Regularizer, optional
        Penalty on the output, divided by the count of samples.
    dtype : str or DTypePolicy, optional
        "float32" or "mixed_bfloat16", see `gw.DTypePolicy`; by default that of
        `gw.config.set_dtype_policy`.

    Raises
    ------
    TypeError
        An argument is unknown, or is supported only at Keras' default and has another value.
    ValueError
        An argument is out of range.
    """

    unused_hooks = hooks(
        "layers run in the core: connect layers with gw.Model(inputs, outputs), or add a kind with "
        "one C++ file and one class (CONTRIBUTING)",
        "call",
        "compute_mask",
        "compute_output_spec",
    )

    takes_several = False
    """True if the layer takes a list of inputs."""
    has_fixed_shape: ClassVar[bool] = False
    """Whether the layer is built for all sizes of its inputs, not for their widths alone."""
    counts_rows: ClassVar[bool] = False
    """Whether the core counts the training rows of each expert, or of each latent."""
    keras_defaults: ClassVar[Config] = {}
    """Keras arguments without effect here, with the only accepted value of each."""

    follows_policy: ClassVar[bool] = False
    """Whether a policy changes what the layer computes; all others compute in float32."""
    float32_reason: ClassVar[str | None] = None
    """Why the layer refuses another policy than float32."""

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        CoreLayers.__init__(self)
        LayerAsModel.__init__(self)
        name = options.pop("name", None)
        self.name = automatic_name(type(self)) if name is None else check_name(name)
        seed = options.pop("seed", None)
        self.seed = None if seed is None else check_integer("seed", seed, 0)
        self._trainable = check_flag("trainable", options.pop("trainable", True))
        shape, width = options.pop("input_shape", None), options.pop("input_dim", None)
        self.declared_shape = _declared_shape(shape, width)
        self._dtype_policy = self._policy_for(options.pop("dtype", None))
        given: Config = dict(options)
        self.take_penalties(activity_regularizer=given.pop("activity_regularizer", None))
        check_defaults(type(self).__name__, given, self.keras_defaults)
        self._input_shapes: list[Shape] = []
        self._node: Node | None = None

    def check_inputs(self, shapes: list[Shape]) -> None:
        """Raises ValueError for a count or shapes of inputs that the layer does not take."""
        if len(shapes) != 1:
            raise ValueError(f"{self.name}: expected one input, got {len(shapes)}")

    def get_config(self) -> Config:
        """The settings as JSON values; `from_config` creates an equal, unbuilt layer from them."""
        config = {"name": self.name, "trainable": self._trainable, "seed": self.seed}
        if self._dtype_policy.name == MIXED:
            config["dtype"] = MIXED
        return {**config, **self.activity_config()}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Creates an unbuilt layer from the result of `get_config`."""
        return cls(**config)

    def get_state(self) -> Config:
        """The state of a built layer besides settings and weights, as JSON values."""
        state = {"input_shapes": self._input_shapes, "random_stream": self._random_stream}
        mixed = self._dtype_policy.name == MIXED
        return {**state, "dtype": MIXED} if mixed else state

    def set_state(self, state: Config) -> None:
        """Builds the layer and restores the result of `get_state`; does not set weights."""
        policy = DTypePolicy(state.get("dtype", "float32"))
        if self.has_shape and policy != self._dtype_policy:
            raise ValueError(
                f"{self.name}: expected products in {policy.name}, as stored, got a layer whose "
                f"class built it in {self._dtype_policy.name}; call "
                f"gw.config.set_dtype_policy({policy.name!r}) first"
            )
        self._dtype_policy = policy
        shapes = [tuple(shape) for shape in state["input_shapes"]]
        if shapes and not self.has_shape:
            self.build(shapes)
        if state["random_stream"] is not None:
            self.set_random_stream(*state["random_stream"])

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The types of the layer's products and weights."""
        return self._dtype_policy

    @property
    def compute_dtype(self) -> str:
        """The type of the factors of its products."""
        return self._dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of its weights."""
        return self._dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The type of its weights."""
        return self.variable_dtype

    def _policy_for(self, dtype: object) -> DTypePolicy:
        float32 = DTypePolicy("float32")
        if dtype is None:
            return dtype_policy() if self.follows_policy else float32
        kind, reason = type(self).__name__, self.float32_reason
        policy = get_policy(f"{kind}: dtype", dtype)
        if reason is not None and policy != float32:
            raise TypeError(f"{kind}: dtype: expected 'float32', got {policy.name!r}: {reason}")
        return policy if self.follows_policy else float32

    def end_epoch(self) -> None:
        """Hook that `fit` calls after each epoch."""

    def set_training_load(self, rows: Indices) -> None:
        """Takes what the core counted in an epoch: the rows of each expert, or of each latent."""

    @property
    def adds_balance_loss(self) -> bool:
        """Whether a balance term is part of the training loss."""
        return False

    def describe(self) -> str:
        """The layer's label in `summary()`."""
        return f"{self.name} ({type(self).__name__})"

    def _repr_html_(self) -> str:
        lines = [(name, html.shown(value)) for name, value in self.get_config().items()]
        if self.has_shape:
            lines += [("output_shape", str(self.output_shape))]
            lines += [("parameters", f"{self.count_params():,}")]
        return html.table(("setting", "value"), lines, self.describe(), left=(0, 1))

    @property
    def input_shape(self) -> Any:
        """The input shape that the layer was built for; a list if `takes_several`."""
        if not self._input_shapes:
            raise NotBuiltError(
                f"{self.name}: expected a built layer, got one that has seen no input"
            )
        return list(self._input_shapes) if self.takes_several else self._input_shapes[0]

    @property
    def input(self) -> Any:
        """The symbol that the layer reads, at its first call; a list if `takes_several`."""
        symbols = list(self._first_node().inputs)
        return symbols if self.takes_several else symbols[0]

    @property
    def output(self) -> Symbol:
        """The symbol of the layer's output, at its first call."""
        return self._first_node().output

    def _first_node(self) -> Node:
        if self._node is None:
            raise NotBuiltError(f"{self.name}: expected a layer in a model, got one not connected")
        return self._node

    @property
    def output_shape(self) -> Shape:
        """The output shape for `input_shape`."""
        return self.compute_output_shape(self.input_shape)

    @property
    def trainable(self) -> bool:
        """If True, training updates the parameters; can be set at any time."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = check_flag("trainable", value)
        if self._native is not None:
            self._native.trainable = value

    def build(self, input_shape: Any) -> None:
        """Creates the parameters for an input of shape `(None, ..., d)`, or for a list of shapes.

        Raises
        ------
        ValueError
            The layer does not take such inputs, or is built for inputs of other widths.
        """
        several = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        shapes = [tuple(shape) for shape in (input_shape if several else [input_shape])]
        widths = [self._check_shape(shape) for shape in shapes]
        self.check_inputs(shapes)
        inner = [self.inner_shape(shape) for shape in shapes]
        if self._native is not None:
            self._check_built_for(widths, shapes)
            return
        left = values_left()
        limit = () if left is None else (self._value_limit(left, widths),)
        native = self._make_native(inner, *limit)
        native.trainable = self._trainable
        self._native, self._input_shapes = native, shapes
        self._before, self._after = self.around(shapes)
        self._set_penalties(native)
        self._set_constraints(native)

    def _value_limit(self, left: int, widths: list[int]) -> int:
        """How many parameters a layer may be built with whose file holds `left` values."""
        return left

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """Connects symbols to an output symbol, or computes an array from arrays like `predict`.

        Parameters
        ----------
        inputs : Symbol, array, or a list of either
            An array `(n, ..., d)`; a SciPy sparse matrix if the layer takes one.
        training : bool, optional
            Must be False or None: only `fit` runs a layer in training mode.

        Returns
        -------
        Symbol or ndarray of float32
        """
        symbols = as_symbols(inputs, self.name, training)
        return self.compute(inputs) if symbols is None else self.connect(symbols)

    def connect(self, symbols: Sequence[Symbol]) -> Symbol:
        """The symbol of this layer's output for `symbols`; builds the layer at the first call."""
        shapes = [symbol.shape for symbol in symbols]
        self.build(shapes)
        output_shape = self.compute_output_shape(shapes if self.takes_several else shapes[0])
        node = Node(self, tuple(symbols), output_shape)
        self._node = self._node or node
        return node.output

    def _check_shape(self, shape: Shape) -> int:
        """The width of an input; ValueError below two axes or if it is not the declared shape."""
        width = self._width(shape)
        if self.declared_shape is not None and shape[1:] != self.declared_shape:
            raise ValueError(
                f"{self.name}: expected its input_shape {self.declared_shape}, got {shape[1:]}"
            )
        return width

    def keeps_sizes(self) -> bool:
        """Whether the core's layers are made for all sizes of the input, not its width alone."""
        return self.has_fixed_shape or bool(self._before)

    def _check_built_for(self, widths: list[int], shapes: list[Shape]) -> None:
        built_for = [shape[-1] for shape in self._input_shapes]
        samples = [[shape[1:] for shape in given] for given in (shapes, self._input_shapes)]
        is_fixed = self.keeps_sizes() and samples[0] != samples[1]
        if widths == built_for and not is_fixed:
            return
        if not self.has_weights:
            self.add_form(shapes)
            return
        known = self._input_shapes if is_fixed else built_for
        raise ValueError(
            f"{self.name}: expected inputs of {'shape' if is_fixed else 'width'} "
            f"{', '.join(map(str, known))}, for which the layer is built, got "
            f"{', '.join(map(str, shapes))}"
        )


LAYERS: Registry[Layer] = Registry("layer", Layer)


def _declared_shape(shape: object, width: object) -> Shape | None:
    if width is not None and shape is not None:
        raise ValueError("input_dim: expected None with input_shape, got both")
    if width is not None:
        return (check_integer("input_dim", width, 1),)
    return None if shape is None else check_shape("input_shape", shape)
