"""archgraph as the benchmarks see it: the only file here that names its modules.

Used by the figures and by archgraph's peers. Importing it fails where archgraph is not ready to be
measured. What it fills in bulk goes through the stores' own verbs or records, one commit per 500.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import archgraph
from archgraph.llm import base as llm
from archgraph.messages import Completion, ToolCall, Usage
from archgraph.stores import base, log, retrieval

if not hasattr(archgraph, "open_agent"):
    raise ImportError("archgraph has no open_agent")

ARCHITECTURE = "memgpt"
LOG, QUEUE, ARCHIVE, INSERT = "recall", "window", "archival", "archival_memory_insert"
BATCH = 500
SUMMARY = "The user and I talked about Miso the cat, who likes the window seat and sleeps well."


class Canned:
    """A model that costs nothing: after `begin`, `calls` archival inserts, then replies only."""

    def __init__(self, calls: int = 0) -> None:
        self.calls = calls
        self.asked = self.made = 0

    def begin(self) -> None:
        """A turn begins."""
        self.made = 0

    def complete(self, request: llm.Request) -> Completion:
        """The next answer of the turn; a summary, which is asked for without tools, is none."""
        if not request.tools:
            return Completion(text=SUMMARY, usage=Usage(100, 20))
        self.asked += 1
        tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in request.tools}
        if self.made < self.calls:
            self.made += 1
            return self._call(INSERT, tools[INSERT], f"Miso likes window seat {self.asked}.", True)
        return self._call("send_message", tools["send_message"], "Noted.", False)

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        """The same, in one piece."""
        return llm.completed(self, request)

    def _call(self, name: str, schema: Any, text: str, heartbeat: bool) -> Completion:
        made = {key: text for key in schema.get("required", ())}
        if "request_heartbeat" in schema["properties"]:
            made["request_heartbeat"] = heartbeat
        call = ToolCall(f"call_{self.asked}", name, json.dumps(made))
        return Completion(tool_calls=(call,), usage=Usage(100, 5))


class Subject:
    """One open agent of the shipped memgpt architecture."""

    def __init__(
        self,
        path: Path,
        *,
        overrides: Sequence[str] = (),
        gateway: llm.Gateway | None = None,
        embedder: llm.Embedder | str | None = None,
    ) -> None:
        """Open the agent at `path`, or make it with the overrides."""
        if isinstance(embedder, str):
            from archgraph.llm import embedders

            embedder = embedders.open_embedder(embedder)
        if path.exists():
            self.agent = archgraph.open_agent(path, gateway=gateway, embedder=embedder)
        else:
            self.agent = archgraph.open_agent(
                ARCHITECTURE, path, overrides=overrides, gateway=gateway, embedder=embedder
            )
        self.archive: Any = self.agent.stores[ARCHIVE]
        self.log: Any = self.agent.stores[LOG]

    def turn(self, text: str) -> str:
        """Send a message; the reply."""
        if isinstance(self.agent.setup.gateway, Canned):
            self.agent.setup.gateway.begin()
        turn = self.agent.send(text)
        if turn.status != "done":
            raise SystemExit(f"the turn failed: {turn.reason}")
        return turn.reply

    def close(self) -> None:
        """Close the file."""
        self.agent.close()

    def steps(self) -> int:
        """How many steps the agent has taken in its life."""
        return int(self.agent.db.value("SELECT count(*) FROM step"))

    def payload(self) -> int:
        """Bytes of all inputs, answers (text, names and arguments of calls) and tool results."""
        texts: list[str] = []
        for (reply,) in self.agent.db.execute("SELECT reply FROM step WHERE reply IS NOT NULL"):
            made = Completion.from_json(json.loads(reply))
            texts += [made.text, *(part for c in made.tool_calls for part in (c.name, c.arguments))]
        texts += [row[0] for row in self.agent.db.execute("SELECT result FROM call")]
        spoken = "SELECT content FROM record WHERE json_extract(fields, '$.kind') = 'user'"
        texts += [row[0] for row in self.agent.db.execute(spoken)]
        return sum(len(text.encode()) for text in texts)

    def fork(self, path: Path) -> None:
        """Make a second agent of this one, and close it."""
        self.agent.fork(str(path)).close()

    def add_messages(self, rows: Sequence[tuple[str, str]], in_view: int | None = 60) -> None:
        """Put role and text of past messages into the log, as if they had been said.

        The newest `in_view` stay in the window, as after an eviction; None leaves all there.
        """
        written = []
        for start in range(0, len(rows), BATCH):
            with self.agent.db.transaction():
                for role, text in rows[start : start + BATCH]:
                    written.append(self.log.write(log.Entry(kind=role, text=text)).seq)
        if in_view is not None and len(written) > in_view:
            with self.agent.db.transaction():
                self.agent.stores[QUEUE].evict(base.View(), written[-in_view - 1])

    def add_passages(self, texts: Iterable[str]) -> None:
        """Put passages into the archive, many to a commit, and index them."""
        waiting = list(texts)
        for start in range(0, len(waiting), BATCH):
            with self.agent.db.transaction():
                for text in waiting[start : start + BATCH]:
                    self.archive.add(text)
            self.archive.backend.index.catch_up()

    def insert(self, text: str) -> None:
        """Put one passage into the archive: row, vector and text index in one commit."""
        self.archive.prepare("insert", {"content": text})
        with self.agent.db.transaction():
            self.archive.insert(text)
            self.archive.backend.index.catch_up()

    def insert_as_tool(self, text: str) -> None:
        """The same as a tool call does it: indexed in a commit before the next insert or search."""
        self.archive.prepare("insert", {"content": text})
        with self.agent.db.transaction():
            self.archive.insert(text)

    def settle(self) -> None:
        """Bring the indexes up to date, which the first search would do otherwise."""
        self.log.index.catch_up()
        self.archive.backend.index.catch_up()

    def embed(self, texts: Sequence[str]) -> Any:
        """Vectors by the agent's own embedder, shape (len(texts), dimension)."""
        return self.archive.backend.index.embeddings.embedder.embed(texts)

    def embed_ahead(self, questions: Sequence[str]) -> None:
        """Have the vectors of coming questions to the archive at hand."""
        self.archive.backend.index.embed_ahead(questions)

    def recall(self, question: str) -> str:
        """A page of the conversation search, as the model gets it."""
        self.log.prepare("search", {"query": question})
        return str(self.log.search(question))

    def search(self, question: str, k: int = 10, sources: Sequence[str] = ()) -> list[str]:
        """Contents of the archive's best k; the default retrieval, from the given sources."""
        policy = _policy(tuple(sources))
        found = self.archive.backend.find(question, k, policy, retrieval.Filter())
        return [hit.record.content for hit in found]


@functools.cache
def _policy(sources: tuple[str, ...]) -> retrieval.Retrieval:
    return retrieval.Retrieval.model_validate({"sources": list(sources)})
