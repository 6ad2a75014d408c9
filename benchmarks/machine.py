"""Description of the machine and its limits, to which all rates are compared."""

from __future__ import annotations

import datetime
import platform
from dataclasses import dataclass
from pathlib import Path

# Far more than any cache holds: some servers' last one has 480 MB.
SUMMED_BYTES = 2 << 30


@dataclass(frozen=True)
class Limits:
    """Limits of the machine with all threads of a run: flops and bytes read per second.

    `int8` counts multiplications and additions of AMX or VNNI, `bfloat16` those of AMX; 0 without.
    """

    flops: float
    bytes: float
    int8: float = 0.0
    bfloat16: float = 0.0

    def best(self, other: Limits) -> Limits:
        """The higher of each limit: other work on the machine can only lower a measurement."""
        return Limits(
            max(self.flops, other.flops),
            max(self.bytes, other.bytes),
            max(self.int8, other.int8),
            max(self.bfloat16, other.bfloat16),
        )

    def __str__(self) -> str:
        return f"{self.flops / 1e9:.1f} GFLOP/s, {self.bytes / 1e9:.1f} GB/s"


@dataclass(frozen=True)
class Machine:
    """Machine and date of a run, and the measured limits."""

    processor: str
    level: str
    levels_available: tuple[str, ...]
    threads: int
    date: str
    limits: Limits

    def __str__(self) -> str:
        return (
            f"processor   {self.processor}\n"
            f"level       {self.level} (of {', '.join(self.levels_available)})\n"
            f"threads     {self.threads}\n"
            f"date        {self.date}\n"
            f"peak        {self.limits.flops / 1e9:.1f} GFLOP/s (multiply-adds in registers)\n"
            f"int8        {self.limits.int8 / 1e9:.1f} GOP/s (AMX or VNNI)\n"
            f"bfloat16    {self.limits.bfloat16 / 1e9:.1f} GFLOP/s (AMX)\n"
            f"bandwidth   {self.limits.bytes / 1e9:.1f} GB/s (reading)"
        )


def processor_name() -> str:
    """Processor name as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure_limits(threads: int, summed_bytes: int = SUMMED_BYTES) -> Limits:
    """Peak flops and read bandwidth of `threads` threads, in a few seconds.

    The peak is the rate of fused multiply-adds between registers at the current instruction-set
    level; the bandwidth is that of summing `summed_bytes`. Each is the best of nine repeats.
    """
    import gatewise as gw
    from gatewise import _core

    gw.set_num_threads(threads)
    try:
        return Limits(
            _core.peak_flops(),
            _core.read_bandwidth(summed_bytes),
            _core.peak_int8(),
            _core.peak_bfloat16(),
        )
    finally:
        gw.set_num_threads(None)


def describe(threads: int, summed_bytes: int = SUMMED_BYTES) -> Machine:
    """Description of the machine, with limits measured now."""
    from gatewise import _core, _probe

    return Machine(
        processor_name(),
        _core.isa_level(),
        tuple(_probe.levels()),
        threads,
        datetime.date.today().isoformat(),
        measure_limits(threads, summed_bytes),
    )


if __name__ == "__main__":
    from gatewise import get_num_threads

    print(describe(get_num_threads()))
