"""From the arguments of a call to a built model and a source of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gatewise import _core
from gatewise.data import IteratorSource, array_source, is_iterable_of_batches, labelled_samples
from gatewise.data.convert import check_samples
from gatewise.data.parts import Part, to_parts
from gatewise.data.sample_set import read_features
from gatewise.data.sources import BatchSource
from gatewise.training.arguments import DEFAULT_BATCH_SIZE, refuse_with_iterator

if TYPE_CHECKING:
    from gatewise.training.training import Training

Data: TypeAlias = tuple[object, object, object]
"""x, y and sample weights."""


def build_for(training: Training, x: object) -> _core.Network:
    """Builds a model that waits for its first data, if it does, and gives its network.

    The data are checked before: a model must not be built for samples that are then refused.

    Raises
    ------
    TypeError, ValueError
        If x cannot be an input.
    """
    if not training.model.built:
        names = ["x"]  # Only a model of one input waits for its shape.
        parts = x.first_parts(names) if isinstance(x, IteratorSource) else to_parts(x, names, "x")
        for part in parts:
            check_samples(part.samples, part.name, part.shape)
            if not part.streamed:
                _check_values(part)
        training.build_from_data([part.shape for part in parts])
    return training.require_network()


def evaluation_source(
    training: Training, data: Data, batch_size: int | None, prefix: str = ""
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
        source.signature = training.signature()
        return source
    build_for(training, x)
    samples = labelled_samples(training.signature(), x, y, sample_weight, prefix=prefix)
    return array_source(samples, batch_size or DEFAULT_BATCH_SIZE, shuffle=False)


def _check_values(part: Part) -> None:
    # A sample's own axes; (n,) is one feature per sample, as everywhere.
    sample_shape = part.shape[1:] or (1,)
    read_features(part, (None, *sample_shape))
