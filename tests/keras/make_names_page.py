"""Writes docs/keras_names.md: `python tests/keras/make_names_page.py`; needs no Keras.

The page has Keras' names, stored by make_names_figures.py, with the sentences of
`gatewise.utils.keras_names`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from gatewise.utils.keras_names import MODULES, NAMES, advice

NAMES_FILE = Path(__file__).parent / "figures" / "names.json"
PAGE = Path(__file__).parents[2] / "docs" / "keras_names.md"

CODE = re.compile(r"\b(?:gw|np|model|layer|sklearn|scipy|teacher|urllib)\.[\w.]*\w(?:\([^)]*\))?")

HEAD = """# Names of Keras: here, or instead

All public names of Keras {version}, by module: those that are here under the same path, with `gw`
for `keras`, and what to use instead of the others. Errors have the same sentences: `gw.layers.LSTM`
raises AttributeError, `from gatewise.layers import LSTM` raises ImportError, and
`hasattr(gw.layers, "LSTM")` is False. A name that is here may refuse some arguments, by a sentence
too. [Coming from PyTorch or Keras](coming_from.md) shows whole models.

`python tests/keras/make_names_page.py` writes this page.
"""


def keras_names() -> tuple[str, dict[str, list[str]]]:
    """Keras' version, and its public names by module."""
    stored = json.loads(NAMES_FILE.read_text(encoding="utf-8"))
    return stored["keras"], stored["names"]


def page() -> str:
    """The text of the page."""
    version, names = keras_names()
    sections = [
        "\n".join(section(path, found)) for path, found in names.items() if advice(path) is None
    ]
    return "\n".join([HEAD.format(version=version), *sections, "\n".join(absent(names))]) + "\n"


def section(path: str, names: list[str]) -> Iterator[str]:
    """The lines of a module that is here."""
    full = [f"{path}.{name}" if path else name for name in names]
    yield f"## {'keras.' + path if path else 'keras'}"
    here = [name for name, each in zip(names, full, strict=True) if advice(each) is None]
    yield f"Here: {listed(here)}."
    yield ""
    rows = NAMES.get(path, {})
    if rows:
        yield "| in Keras | here |"
        yield "|---|---|"
        yield from (f"| {listed(found.split())} | {cell(said)} |" for said, found in rows.items())
        yield ""


def absent(names: dict[str, list[str]]) -> Iterator[str]:
    """The lines of the modules that are not here."""
    yield "## Modules that are not here"
    yield "| in Keras | names | here |"
    yield "|---|---|---|"
    for module, said in MODULES.items():
        inner = [found for path, found in names.items() if f"{path}.".startswith(f"{module}.")]
        yield f"| `keras.{module}` | {sum(map(len, inner))} | {cell(said)} |"


def listed(names: list[str]) -> str:
    """The names as code."""
    return ", ".join(f"`{name}`" for name in names)


def cell(said: str) -> str:
    """A sentence in a cell of a table, with its code as such."""
    return CODE.sub(r"`\g<0>`", said)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
