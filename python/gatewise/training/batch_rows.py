"""How much of a prediction the core computes at a time; no count changes a bit of the result."""

BATCH_ROWS = 256
"""Rows: enough for each expert of a large layer."""

BATCH_SAMPLES = 32
"""Samples, where layers read the rows of a sample together: an image has hundreds of rows."""
