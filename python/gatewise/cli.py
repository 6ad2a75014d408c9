"""The command `gatewise`."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from gatewise import __version__
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
        help="train, evaluate, save, load and draw, on digits or on your own file",
        description="Trains 16 experts, 2 a row, on 5,000 handwritten digits or on your own file; "
        "prints held-out accuracy, speed and load; saves the model, loads it in a new "
        "process, and draws two pictures.",
    )
    demo.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="a .npz holding x (n, ...) and y (n,), or a .csv with column names and --target",
    )
    demo.add_argument("--target", metavar="COLUMN", help="the .csv column that holds the classes")
    demo.add_argument("--epochs", type=_positive, default=20, help="default: 20")
    demo.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("gatewise-demo"),
        help="folder for model and pictures; default: gatewise-demo",
    )
    demo.add_argument("--seed", type=_seed, default=0, help="default: 0")
    # Its options are those of the benchmarks, which are imported for this command only.
    commands.add_parser(
        "bench",
        help="measure this machine, and expert layers on it beside PyTorch",
        add_help=False,
    )
    commands.add_parser("config", help="print how the core was built and what it runs with")
    return parser


def _run_demo(arguments: argparse.Namespace) -> int:
    # Imported here so that `gatewise --version` and `config` stay quick.
    from gatewise import demo_data
    from gatewise._extras import import_extra

    start = perf_counter()
    try:
        # Asked for before any work: a missing package shall not show after the training.
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
        # Not named in an import statement: in a checkout they lie outside the package.
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
    """Run the command with these arguments (`sys.argv` where None); returns the exit status."""
    try:
        return _run(_parser(), arguments)
    except KeyboardInterrupt:
        print("\ngatewise: stopped", file=sys.stderr)
        return 130
