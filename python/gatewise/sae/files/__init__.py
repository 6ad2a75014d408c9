"""Reads and writes dictionaries in other projects' formats, by way of `StoredDictionary`."""

from gatewise.sae.files.formats import FORMATS, read, write
from gatewise.sae.files.stored_activations import (
    StoredActivation,
    StoredBatchTopK,
    StoredGated,
    StoredJumpRelu,
    StoredRelu,
    StoredTopK,
)
from gatewise.sae.files.stored_dictionary import StoredDictionary

__all__ = [
    "FORMATS",
    "StoredActivation",
    "StoredBatchTopK",
    "StoredDictionary",
    "StoredGated",
    "StoredJumpRelu",
    "StoredRelu",
    "StoredTopK",
    "read",
    "write",
]
