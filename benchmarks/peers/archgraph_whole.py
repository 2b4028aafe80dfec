"""archgraph sending its whole history like the other peers: a window that nothing leaves.

`python -m benchmarks.peers.archgraph_whole URL reply|hb10 HISTORY TURNS`. For comparison of equal
prompts only; see `archgraph_peer` for the architecture as shipped.
"""

from __future__ import annotations

from typing import ClassVar

from benchmarks.peers import archgraph_peer, loop


class Whole(archgraph_peer.Archgraph):
    """One conversation with a context window of two million tokens."""

    settings: ClassVar[tuple[str, ...]] = ("context_window=2000000",)
    in_view: ClassVar[int | None] = None


if __name__ == "__main__":
    loop.main(Whole)
