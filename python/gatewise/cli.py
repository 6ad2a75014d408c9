"""The command `gatewise`."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from gatewise._version import __version__
from gatewise.config import show_config


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {value}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected at least 0, got {value}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gatewise", description="Sparse expert models on ordinary CPUs."
    )
    parser.add_argument("--version", action="version", version=f"gatewise {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="train, evaluate, save, load and plot, on digits or on your own file",
        description="Trains 16 experts, 2 per row, on 5,000 handwritten digits or on your own "
        "file; prints held-out accuracy, speed and load; saves the model, loads it in a new "
        "process, and draws two figures.",
    )
    demo.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a .npz with x (n, ...) and y (n,), or a .csv with column names and --target",
    )
    demo.add_argument("--target", metavar="COLUMN", help="the .csv column that holds the classes")
    demo.add_argument("--epochs", type=_positive, default=20, help="default: 20")
    demo.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("gatewise-demo"),
        help="folder for model and figures; default: gatewise-demo",
    )
    demo.add_argument("--seed", type=_seed, default=0, help="default: 0")
    # The benchmarks parse its options; they are imported for this command only.
    commands.add_parser(
        "bench",
        help="measure this machine and time expert layers on it against PyTorch",
        add_help=False,
    )
    commands.add_parser("config", help="print build and runtime settings of the core")
    return parser


def _run_demo(arguments: argparse.Namespace) -> int:
    # Imported here so that `gatewise --version` and `config` stay fast.
    from gatewise import demo_data
    from gatewise._extras import import_extra

    start = perf_counter()
    try:
        # Checked first, so that a missing package fails before the training.
        import_extra("matplotlib", "demo")
        if arguments.data is None and arguments.target is not None:
            raise ValueError("--target: expected only together with --data FILE.csv")
        if arguments.data is None:
            table = demo_data.load_digits()
        else:
            table = demo_data.read_table(arguments.data, arguments.target)
        arguments.out.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError, ValueError) as error:
        print(f"gatewise demo: error: {error}", file=sys.stderr)
        return 2
    from gatewise import demo

    demo.run(table, epochs=arguments.epochs, out=arguments.out, seed=arguments.seed)
    print(f"in all         {perf_counter() - start:.1f} s")
    return 0


def _run_bench(options: Sequence[str]) -> int:
    try:
        # Imported by name: in a checkout the benchmarks lie outside the package.
        command = importlib.import_module("gatewise.benchmarks.command")
    except ModuleNotFoundError as error:
        if error.name != "gatewise.benchmarks":
            raise
        print(
            "gatewise bench: error: this copy of gatewise has no benchmarks; in a checkout run: "
            "python -m benchmarks",
            file=sys.stderr,
        )
        return 2
    return int(command.main(options, prog="gatewise bench"))


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    parsed, rest = parser.parse_known_args(arguments)
    if parsed.command == "bench":
        return _run_bench(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if parsed.command == "config":
        show_config()
        return 0
    return _run_demo(parsed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (None: `sys.argv`); returns the exit status."""
    try:
        return _run(_parser(), arguments)
    except KeyboardInterrupt:
        print("\ngatewise: stopped", file=sys.stderr)
        return 130
