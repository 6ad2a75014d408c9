"""Runs the Keras scripts of `scripts/` with Gatewise in place of Keras and writes `scripts.csv`.

    python tests/keras/run_scripts.py            # write the table
    python tests/keras/run_scripts.py 07 13      # print the results of these scripts alone

Needs neither Keras nor any other framework. `tests/python/test_keras_scripts_table.py` compares the
table with what the scripts do.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
TABLE = FOLDER / "scripts.csv"
SCRIPTS = sorted((FOLDER / "scripts").glob("[0-9][0-9]_*.py"))

ADVICE = {
    "20_own_loss": "gw.losses",
    "24_subclasses": "gw.Model(inputs, outputs)",
    "25_train_step": "train_on_batch",
}
"""Scripts of what Gatewise leaves out, and what the message must name as the way instead."""

ABSENT = re.compile(
    r"(AttributeError|ImportError|ModuleNotFoundError|NotImplementedError|TypeError|ValueError): "
)
"""Errors that name what is not here. Any other error is a different result."""

MAX_SECONDS = 120
MAX_REASON = 200


class Result(NamedTuple):
    """What became of a script: a row of the table."""

    script: str
    state: str
    reason: str


def with_gatewise(text: str) -> str:
    """The text of a script whose imports name Gatewise in place of Keras."""
    text = re.sub(r"^import keras$", "import gatewise as keras", text, flags=re.M)
    return re.sub(r"^from keras\b", "from gatewise", text, flags=re.M)


def last_error(stderr: str) -> str:
    """The error that ended a script, in one line without paths; a bare assertion with its text."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    start = max((i for i, line in enumerate(lines) if re.match(r"\w[\w.]*(:|$)", line)), default=-1)
    error = " ".join(line.strip() for line in lines[start:])
    if error == "AssertionError":
        asserted = [line.strip() for line in lines if line.strip().startswith("assert ")]
        error = f"AssertionError: {asserted[-1]}"
    return re.sub(r" \(/.*\)$| at 0x\w+", "", error)  # same on every machine and in every run


def run(path: Path) -> Result:
    """Runs one script in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / path.name
        script.write_text(with_gatewise(path.read_text()))
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env={**os.environ, "MPLBACKEND": "agg"},
            capture_output=True,
            text=True,
            timeout=MAX_SECONDS,
            check=False,
        )
    if done.returncode == 0:
        return Result(path.stem, "passes", "")
    error = last_error(done.stderr)
    reason = error if len(error) <= MAX_REASON else error[: MAX_REASON - 3] + "..."
    state = "not here" if ABSENT.match(error) else "differs"
    advice = ADVICE.get(path.stem)
    return Result(path.stem, "refused" if advice and advice in error else state, reason)


def read_table() -> dict[str, Result]:
    """The rows of the table, by the name of their script."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["script"]: Result(**row) for row in csv.DictReader(file)}


def main(numbers: list[str]) -> None:
    chosen = [path for path in SCRIPTS if not numbers or path.name[:2] in numbers]
    results = []
    for path in chosen:
        results.append(run(path))
        print(*results[-1], sep="  ", flush=True)
    if not numbers:
        with TABLE.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([Result._fields, *results])


if __name__ == "__main__":
    main(sys.argv[1:])
