"""Writes tests/golden/bits.json and files_1: `python tests/golden/make_bits.py bits files`.

Bits are written for the instruction-set levels that this machine supports; those of other levels
are kept. The files and their digests were written by the code of format 1. Files written by later
code would test nothing, so `files` stops if the folder exists.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "python"))


def digests(kind: str) -> dict[str, str]:
    from golden_cases import CASES, digest

    if kind == "bits":
        return {name: digest(case()) for name, case in CASES.items()}
    from golden_files import FILES

    return {name: digest(case()) for name, case in FILES.items()}


def update(path: Path, kind: str) -> None:
    """Updates the digests of each level; each level runs in a separate process."""
    from gatewise import _levels

    stored = json.loads(path.read_text()) if path.exists() else {}
    for level in _levels.available():
        environment = {**os.environ, "GATEWISE_ISA": level}
        command = [sys.executable, __file__, f"--{kind}"]
        result = subprocess.run(command, env=environment, check=True, capture_output=True)
        stored[level] = json.loads(result.stdout)
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")


def main(arguments: list[str]) -> None:
    for argument in arguments:
        if argument.startswith("--"):
            print(json.dumps(digests(argument[2:])))
        elif argument == "bits":
            update(HERE / "bits.json", "bits")
        elif argument == "files":
            from golden_files import FOLDER, write_all

            if FOLDER.exists():
                raise SystemExit(f"{FOLDER} exists: its files must stay those of format 1's code")
            write_all()
            update(FOLDER / "digests.json", "files")


if __name__ == "__main__":
    main(sys.argv[1:])
