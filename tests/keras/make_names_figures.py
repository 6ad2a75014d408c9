"""Stores Keras' public names by namespace: `python tests/keras/make_names_figures.py` with Keras.

`names` of the file has one list for each public module, by its path without `keras.`; the top level
is the empty path. The names are those of modules, classes, functions and constants.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).parent / "figures" / "names.json"


def public_names(module: ModuleType, path: str) -> Iterator[tuple[str, list[str]]]:
    """The path and names of a module and of the modules in it."""
    names = []
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or name == "src":
            continue
        names.append(name)
        if isinstance(value, ModuleType):
            yield from public_names(value, f"{path}.{name}" if path else name)
    yield path, names


if __name__ == "__main__":
    import keras

    names = dict(sorted(public_names(keras, "")))
    FILE.parent.mkdir(exist_ok=True)
    lines = [f"  {json.dumps(path)}: {json.dumps(found)}" for path, found in names.items()]
    text = ",\n".join(lines)
    FILE.write_text(f'{{"keras": "{keras.__version__}", "names": {{\n{text}\n}}}}\n')
