"""From the arguments of a call to a built model and a source of batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, cast

from gatewise.data import IteratorSource, array_source, is_iterable_of_batches, labelled_samples
from gatewise.data.convert import check_samples
from gatewise.data.csr import is_sparse
from gatewise.data.parts import Checked, Part, to_parts
from gatewise.data.row_reader import RowReader
from gatewise.data.sources import BatchSource
from gatewise.training.arguments import default_batch_size, refuse_with_iterator

if TYPE_CHECKING:
    from gatewise.data.convert import Floats
    from gatewise.training.training import Training

Data: TypeAlias = tuple[object, object, object]
"""x, y and sample weights."""


def build_for(training: Training, x: object) -> object:
    """Builds a model that waits for its first data, if it does, and returns x.

    The data are checked before: a model must not be built for samples that are then refused. An
    array in memory is returned as `Checked`, so that the call does not check it again.

    Raises
    ------
    TypeError, ValueError
        If x cannot be an input.
    """
    if training.model.built:
        return x
    names = ["x"]  # Only a model of one input waits for its shape.
    [part] = x.first_parts(names) if isinstance(x, IteratorSource) else to_parts(x, names, "x")
    check_samples(part.samples, part.name, part.shape)
    checked = None if part.streamed else _check_values(part)
    training.build_from_data([part.shape])
    if checked is None or isinstance(x, IteratorSource):
        return x
    return dict.fromkeys(x, checked) if isinstance(x, Mapping) and not is_sparse(x) else checked


def choose_losses(training: Training, x: object, y: object) -> None:
    """Chooses the losses that the targets decide, if `compile` was given such; once.

    Raises
    ------
    TypeError, ValueError
        If y cannot be the targets.
    """
    settings = training.require_settings()
    if not settings.awaits_targets:
        return
    names = training.model.output_names
    if isinstance(x, IteratorSource):
        y = x.first_targets()
    if y is None:
        raise ValueError("y: expected targets, got None")
    shapes = [symbol.shape for symbol in training.model.outputs]
    settings.choose_losses(names, shapes, [part.shape for part in to_parts(y, names, "y")])


def evaluation_source(
    training: Training,
    data: Data,
    batch_size: int | None,
    steps: int | None = None,
    prefix: str = "",
) -> BatchSource:
    """Batches of (x, y, sample weights), in their order.

    Raises
    ------
    TypeError, ValueError
        See `gatewise.data`.
    """
    x, y, sample_weight = data
    if is_iterable_of_batches(x):
        refuse_with_iterator(f"{prefix}x", y=y, sample_weight=sample_weight, batch_size=batch_size)
        source = IteratorSource(x)
        build_for(training, source)
        choose_losses(training, source, None)
        source.signature = training.signature()
        return source
    x = build_for(training, x)
    choose_losses(training, x, y)
    samples = labelled_samples(training.signature(), x, y, sample_weight, prefix=prefix)
    size = default_batch_size(batch_size, samples.samples, steps)
    return array_source(samples, size, shuffle=False)


def _check_values(part: Part) -> Checked:
    # A sample's own axes; (n,) is one feature per sample, as everywhere.
    sample_shape = part.shape[1:] or (1,)
    converted = RowReader().features(part, (None, *sample_shape))
    return Checked(part.raw, None if part.sparse else cast("Floats", converted))
