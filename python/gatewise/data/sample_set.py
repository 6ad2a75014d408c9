"""The samples of one call: inputs, targets and sample weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from gatewise import _core
from gatewise.data import convert
from gatewise.data.convert import Array, Floats, Labels, Shape
from gatewise.data.parts import Part, match_names, to_part, to_parts
from gatewise.data.row_reader import RowRanges, RowReader
from gatewise.data.split import check_class_weight, class_weights
from gatewise.data.targets import TargetRule
from gatewise.utils.warn import warn_user


@dataclass(frozen=True, eq=False, repr=False)
class Signature:
    """Names and shapes of a model's inputs, and target rules of its outputs."""

    input_names: list[str]
    input_shapes: list[Shape]
    output_names: list[str]
    rules: list[TargetRule] = field(default_factory=list)
    integer_inputs: frozenset[int] = frozenset()
    """Indices of the inputs whose arrays stay integers."""


@dataclass(frozen=True, eq=False, repr=False)
class SampleSet:
    """Arrays of equal length; `dataset` and `features` convert the requested rows."""

    signature: Signature
    inputs: list[Part]
    targets: list[Part] = field(default_factory=list)
    weights: list[Part | None] = field(default_factory=list)
    class_weight: Mapping[int, float] | None = None

    @property
    def samples(self) -> int:
        """Count of samples."""
        return self.inputs[0].samples

    @property
    def streamed(self) -> bool:
        """True if any of the arrays is a memory-mapped file."""
        given = [part for part in self.weights if part is not None]
        return any(part.streamed for part in [*self.inputs, *self.targets, *given])

    def slice_rows(self, first: int, stop: int) -> SampleSet:
        """Samples `first` to `stop`."""
        return replace(
            self,
            inputs=[part.slice_rows(first, stop) for part in self.inputs],
            targets=[part.slice_rows(first, stop) for part in self.targets],
            weights=[part and part.slice_rows(first, stop) for part in self.weights],
        )

    def without_class_weight(self) -> SampleSet:
        """The same samples without class weights, which validation ignores, as in Keras."""
        return replace(self, class_weight=None)

    def features(
        self, row_ranges: RowRanges | None = None
    ) -> list[Floats | Labels | _core.SparseRows]:
        """Converted and checked inputs of the samples in `row_ranges` (from, to)."""
        return self._features(RowReader(row_ranges))

    def dataset(self, row_ranges: RowRanges | None = None) -> _core.Dataset:
        """Converted and checked samples in `row_ranges`, for training or test steps."""
        reader = RowReader(row_ranges)
        inputs = self._features(reader)
        targets = [
            reader.targets(part, rule)
            for part, rule in zip(self.targets, self.signature.rules, strict=True)
        ]
        weights = self._sample_weights(targets, reader)
        return _core.Dataset(inputs, targets, weights, checked=True)

    def _features(self, reader: RowReader) -> list[Floats | Labels | _core.SparseRows]:
        integers = self.signature.integer_inputs
        return [
            reader.integers(part, shape) if index in integers else reader.features(part, shape)
            for index, (part, shape) in enumerate(
                zip(self.inputs, self.signature.input_shapes, strict=True)
            )
        ]

    def _sample_weights(
        self, targets: list[Floats | Labels], reader: RowReader
    ) -> list[Floats | None]:
        each = zip(self.weights, targets, self.signature.rules, strict=True)
        weights = [
            None if part is None else reader.weights(part, rule.rows_of(target))
            for part, target, rule in each
        ]
        if self.class_weight is None:
            return weights
        of_classes = class_weights(targets[0], self.signature.rules[0], self.class_weight)
        return [of_classes if weights[0] is None else of_classes * weights[0]]


def labelled_samples(
    signature: Signature,
    x: object,
    y: object,
    sample_weight: object = None,
    class_weight: object = None,
    prefix: str = "",
) -> SampleSet:
    """The samples of `fit`, `evaluate` and other methods with targets.

    Parameters
    ----------
    signature : Signature
        The model's names, shapes and target rules.
    x, y : array, path, list or dict
        One array per input and per output.
    sample_weight : array (n,) or (n, t), list or dict, optional
        One array for all outputs, or one per output (None for no weights). With outputs
        `(n, t, units)` it may weigh their rows.
    class_weight : dict, optional
        Weight by class index, for a model with one output; multiplies `sample_weight`.
    prefix : str, optional
        Prefix of argument names in error messages, such as `"validation "`.

    Raises
    ------
    TypeError, ValueError, OSError
        See `gatewise.data.parts` and `gatewise.data.convert`; also if sample counts differ.
    """
    inputs = to_parts(x, signature.input_names, f"{prefix}x")
    if y is None:
        raise ValueError(f"{prefix}y: expected targets, got None")
    targets = to_parts(y, signature.output_names, f"{prefix}y")
    for part in targets:
        if part.sparse:
            raise TypeError(f"{part.name}: expected a dense array, got a sparse matrix")
    weights = _weight_parts(sample_weight, signature, f"{prefix}sample_weight")
    _check_counts(inputs, targets, weights)
    checked = None
    if class_weight is not None:
        if len(signature.rules) != 1:
            outputs = len(signature.rules)
            raise ValueError(f"class_weight: expected a model with one output, got {outputs}")
        checked = check_class_weight(class_weight, signature.rules[0])
    return SampleSet(signature, inputs, targets, weights, checked)


def unlabelled_samples(signature: Signature, x: object) -> SampleSet:
    """The samples of `predict`.

    Raises
    ------
    TypeError, ValueError, OSError
        As for `labelled_samples`.
    """
    inputs = to_parts(x, signature.input_names, "x")
    _check_counts(inputs, [], [])
    return SampleSet(signature, inputs)


def _weight_parts(value: object, signature: Signature, name: str) -> list[Part | None]:
    outputs = len(signature.output_names)
    if value is None:
        return [None] * outputs
    if outputs > 1 and not isinstance(value, (list, tuple, Mapping)):
        shared = _weight_part(value, name)
        return [shared] * outputs
    matched = match_names(value, signature.output_names, name)
    return [None if each is None else _weight_part(each, label) for each, label in matched]


def _weight_part(value: object, name: str) -> Part:
    part = to_part(value, name)
    if part.sparse:
        raise TypeError(f"{name}: expected a dense array, got a sparse matrix")
    if not part.streamed and part.samples and not np.any(cast("Array", part.raw)):
        warn_user(f"{name}: all weights are 0, so the loss is 0 and nothing is learned")
    return part


def _check_counts(
    inputs: Sequence[Part], targets: Sequence[Part], weights: Sequence[Part | None]
) -> None:
    first = inputs[0]
    for part in [*inputs, *targets, *weights]:
        if part is not None and part.samples != first.samples:
            raise ValueError(
                f"{part.name}: expected {first.samples} samples as in {first.name}, "
                f"got {part.samples}"
            )
    convert.check_samples(first.samples, first.name, first.shape)
