"""Errors that are two of Python's kinds."""

from __future__ import annotations


class NotBuiltError(ValueError, AttributeError):
    """A model or layer has seen no input, so it has no shapes and parameters yet.

    As an AttributeError, so that `hasattr` is False.
    """
