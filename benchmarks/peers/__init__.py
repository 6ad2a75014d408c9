"""Comparisons of gatewise with other libraries, with the same arithmetic on the same data."""
