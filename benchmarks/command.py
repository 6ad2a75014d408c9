"""`gatewise bench`: prints the machine's limits, then a table for each workload."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import machine
from .peers import experts
from .peers.shapes import Shape

# For `--quick`, which only tests that the benchmark runs; its times are meaningless.
QUICK_SHAPES = (Shape(64, 32, 64, 4, 2), Shape(1, 32, 64, 4, 2))
QUICK_ROUNDS = 2
QUICK_SECONDS = 0.005
QUICK_BYTES = 16 << 20


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Prints the limits of this machine, then for each expert layer the time of a "
        "forward pass or training step, its rate and its percentage of the machine's limits, "
        "and the same work in PyTorch if that is installed.",
    )
    parser.add_argument("--threads", type=_positive, help="thread count; default: that of gatewise")
    parser.add_argument("--rounds", type=_positive, help="timing rounds; default: 15")
    parser.add_argument(
        "--only", metavar="NAME", default="", help="print only tables whose name contains this"
    )
    parser.add_argument("--list", action="store_true", help="print the tables' names and stop")
    parser.add_argument(
        "--quick", action="store_true", help="tiny shapes for a second or two, to test that it runs"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmark with parsed arguments; returns the exit status."""
    shapes = QUICK_SHAPES if arguments.quick else None
    chosen = [case for case in experts.cases(shapes) if arguments.only in case.title]
    if not chosen:
        print(
            f"gatewise bench: error: --only: no table has {arguments.only!r} in its name; "
            "--list prints the names",
            file=sys.stderr,
        )
        return 2
    if arguments.list:
        print(*(case.title for case in chosen), sep="\n")
        return 0
    from gatewise import get_num_threads

    threads = arguments.threads or get_num_threads()
    summed = QUICK_BYTES if arguments.quick else machine.SUMMED_BYTES
    measured = machine.describe(threads, summed)
    print(measured, flush=True)
    if not experts.has_torch():
        print("\ngatewise only; to compare with PyTorch: pip install 'gatewise[bench]'")
    rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else 15)
    seconds = QUICK_SECONDS if arguments.quick else 0.1
    limits = measured.limits
    for case in chosen:
        # Measured again before each table: limits that were disturbed would flatter the results.
        limits = limits.best(machine.measure_limits(threads, summed))
        experts.run(case, threads, rounds, seconds, limits)
    print(f"\nlimits of the last table: {limits}")
    return 0


def main(arguments: Sequence[str] | None = None, prog: str = "python -m benchmarks") -> int:
    """Run the command with these arguments (None: `sys.argv`); returns the exit status."""
    return run(_parser(prog).parse_args(arguments))
