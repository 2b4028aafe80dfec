"""The benchmarks' one door: `python benchmarks/run.py turns`, or another of FIGURES.

`benchmarks/README.md` says what each figure measures and how to read it.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # this folder's own names stay out

HARNESS = "benchmarks.harness"
WITH_PEERS = ("turns", "start", "install")
"""Figures that have something to show without archgraph."""
FIGURES = ("turns", "steps", "heartbeats", "store", "large", "start", "concurrent", "install")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller sizes")
    args = parser.parse_args()
    if args.figure not in WITH_PEERS and not importlib.import_module(HARNESS).available():
        raise SystemExit("archgraph: not available")
    try:
        importlib.import_module(f"benchmarks.figures.{args.figure}").report(args.quick)
    except subprocess.CalledProcessError as error:  # it has told why on stderr
        raise SystemExit(f"failed: {' '.join(error.cmd)}") from None


if __name__ == "__main__":
    main()
