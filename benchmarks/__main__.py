"""`python -m benchmarks`, in a checkout: what `gatewise bench` runs."""

from .command import main

if __name__ == "__main__":
    raise SystemExit(main())
