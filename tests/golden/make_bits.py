"""Makes tests/golden/bits.json and files_1: `python tests/golden/make_bits.py bits files`.

Bits are made for the instruction-set levels that this machine runs; those of other levels stay.
Files and what follows from them were made by the code that wrote format 1; made again by later
code they would prove nothing, so `files` refuses where there are some.
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
    """Adds the digests of each level, each in a process of its own."""
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
                raise SystemExit(f"{FOLDER} exists: its files are of the code that made them")
            write_all()
            update(FOLDER / "digests.json", "files")


if __name__ == "__main__":
    main(sys.argv[1:])
