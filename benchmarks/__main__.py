"""`python -m benchmarks`: runs `gatewise bench` in a checkout."""

from .command import main

if __name__ == "__main__":
    raise SystemExit(main())
