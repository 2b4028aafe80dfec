"""Runs the gallery's conversation with every shipped architecture; prints a digest of each file.

`python -m tests.determinism.gallery FOLDER`, in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from archgraph.spec import load
from tests.crash import scenes
from tests.gallery import conversation


def main() -> None:
    """Print architecture to digests of tables as JSON."""
    found = {}
    for name in load.names():
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True)
        conversation.play(name, tmp_path=folder).close()
        found[name] = {
            table: [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()]
            for table, rows in scenes.dumped(folder / "agent.db").items()
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
