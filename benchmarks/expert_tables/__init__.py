"""Sparse experts beside dense networks of the same recipe, on many tables."""
