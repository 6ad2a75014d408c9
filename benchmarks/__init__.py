"""Benchmarks: limits of the machine, speed of gatewise, and the same work in other libraries."""
