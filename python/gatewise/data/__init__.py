"""Input data: conversion and checks, splitting, shuffling and streaming."""

from gatewise.data.batches import IteratorSource, is_iterable_of_batches
from gatewise.data.sample_set import SampleSet, Signature, labelled_samples, unlabelled_samples
from gatewise.data.sources import ArraySource, BatchSource, StreamSource, array_source
from gatewise.data.targets import TargetRule
from gatewise.utils.public_names import public_names

__all__ = [
    "ArraySource",
    "BatchSource",
    "IteratorSource",
    "SampleSet",
    "Signature",
    "StreamSource",
    "TargetRule",
    "array_source",
    "is_iterable_of_batches",
    "labelled_samples",
    "unlabelled_samples",
]


def __dir__() -> list[str]:
    return public_names(globals())
