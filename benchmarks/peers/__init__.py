"""The same arithmetic, on the same data, in gatewise and in other libraries."""
