"""Readings of time, memory and files, and their arithmetic. Standard library only.

Used by the peers (in whatever environment they live) and by the figures. Knows none of them.
"""

from __future__ import annotations

import gc
import os
import resource
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any


class Samples:
    """Wall and CPU milliseconds of repeated calls (CPU: this process, all its threads)."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def take(self, call: Callable[[], Any]) -> Any:
        """Make the call and keep what it cost."""
        cpu, wall = time.process_time(), time.perf_counter()
        result = call()
        self.wall.append((time.perf_counter() - wall) * 1000)
        self.cpu.append((time.process_time() - cpu) * 1000)
        return result


def spread(values: Sequence[float]) -> dict[str, float]:
    """The least, the median, and the 95th percentile by nearest rank."""
    ranked = sorted(values)
    if not ranked:
        return {"min": float("nan"), "p50": float("nan"), "p95": float("nan")}
    last = ranked[max(0, -(-len(ranked) * 95 // 100) - 1)]
    return {"min": ranked[0], "p50": statistics.median(ranked), "p95": last}


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def rss_mb() -> float:
    """Resident memory of this process, MB (10^6 bytes)."""
    gc.collect()
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    """The most resident memory that this process has had, MB (10^6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def file_kb(path: Path) -> float:
    """KB (1,000 bytes) of a database and everything that lies beside it under its name."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 1000


def data_kb(path: Path) -> float:
    """KB of those files that hold something: b-tree pages less what is free in them.

    The growth of one turn is smaller than a page, and files grow by pages. Not a number where this
    Python's SQLite has no `dbstat`. The files must be closed (nothing is left in a WAL).
    """
    used = "SELECT coalesce(sum(pgsize - unused), 0) FROM dbstat"
    total = 0
    for part in path.parent.glob(f"{path.name}*"):
        if _head(part) != b"SQLite format 3\0":
            continue
        database = sqlite3.connect(part)
        try:
            total += database.execute(used).fetchone()[0]
        except sqlite3.OperationalError:
            return float("nan")
        finally:
            database.close()
    return total / 1000


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats are rounded to three significant digits."""
    lines = [list(header), ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
