"""archgraph's shipped memgpt architecture through litellm, as a user would run it.

`python -m benchmarks.peers.archgraph_peer URL reply|hb10 HISTORY TURNS`. Its window is bounded: at
1,000 messages of history it sends the newest that fit, where the other peers send all. Its tool
(`archival_memory_insert`) keeps a row, a vector and a text index, where theirs keep a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from benchmarks import subject
from benchmarks.peers import loop


class Archgraph(subject.Subject):
    """One conversation: one agent file."""

    settings: ClassVar[tuple[str, ...]] = ()
    in_view: ClassVar[int | None] = 60

    def __init__(self, url: str, mode: str, path: Path) -> None:
        at = f"threads.main.options={{api_base: '{url}'}}"
        super().__init__(path, overrides=(f"model=openai/{mode}", at, *self.settings))

    @classmethod
    def prepare(cls, url: str, mode: str, path: Path, history: int) -> None:
        agent = cls(url, mode, path)
        agent.add_messages(loop.past(history), cls.in_view)
        agent.insert("Miso is a cat.")  # the vector index reserves room in chunks: not a turn's
        agent.close()


if __name__ == "__main__":
    loop.main(Archgraph)
