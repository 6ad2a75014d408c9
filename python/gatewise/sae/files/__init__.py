"""Dictionaries in other projects' file formats: read into one form, and written from it."""

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
