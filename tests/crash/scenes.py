"""What the crash and determinism tests run: two architectures, a transcript each, a busy model."""

from __future__ import annotations

import functools
import json
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from archgraph import api, clock, errors
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import extractive, recording, scripted
from archgraph.messages import Completion
from archgraph.runtime import agent as agents
from archgraph.storage import database
from tests import helpers

call = scripted.call
SMALL = (
    "context_window=3450", "core_limit=300", "stores.summary.limit=400",
    "stores.recall.message_cap=150", "threads.main.max_tokens=160",
)  # fmt: skip
"""`--set` for memgpt so that a dozen messages fill its window several times."""
PAIRS = {
    "conscious_subconscious": (
        *SMALL[1:], "context_window=3100", "threads.main.context_window=2600", "evict_to=0.85",
        "frequency=2", "stores.diary.message_cap=150", "threads.subconscious.max_tokens=160",
    ),
    "split_thread": (
        *SMALL[1:], "context_window=2600", "threads.memory.context_window=1900", "evict_to=0.85",
        "stores.notes.message_cap=150", "threads.memory.max_tokens=160",
    ),
}  # fmt: skip
"""Shipped architectures of two threads, in windows that a dozen messages fill."""
PIPELINES = ("zep", "generative_agents", "mem0_graph", "blackboard")
"""Shipped architectures whose memory is kept by pipelines, or whose threads ask each other."""
SEED = 7
TALK = [
    "Hello, my name is Dana and I live in Bergen.", "My brother Ole plays the cello in Oslo.",
    "I bought a red bicycle yesterday for 300 euros.", "Where does my brother live?",
    "My dentist appointment is on the 4th of May.", "What is the name of my brother?",
    "The cat is called Pepper and she is nine years old.", "What did I buy?",
    "I am allergic to peanuts.", "We plan a trip to Lisbon in June with Ole.",
    "What is the name of my cat?", "My office moved to the third floor.",
    "When is my dentist appointment?",
]  # fmt: skip
NOUNS = ("lamp", "desk", "sofa", "vase", "harp", "loom", "bell", "drum", "globe", "clock", "stove")
FACTS = [
    f"Fact {n}: the {noun} stands in room {100 + n}, beside {noun} number {n * 7}."
    for n, noun in enumerate(NOUNS, 1)
]


class Busy:
    """A model that does what may go wrong: parallel calls, bad calls, faults, silence.

    It counts what it was asked, so it can only be recorded, never asked twice.
    """

    def __init__(self) -> None:
        self.summaries = 0

    def complete(self, request: llm.Request) -> Completion:
        return scripted.Scripted([self._answer]).complete(request)

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        return (yield from llm.completed(self, request))

    def _answer(self, request: llm.Request) -> Any:
        names = {tool["function"]["name"] for tool in request.tools}
        if not names:
            return self._summary(request)
        return self._talk(request) if "send_message" in names else self._tend(request)

    def _summary(self, request: llm.Request) -> Any:
        self.summaries += 1
        if self.summaries == 2:
            return errors.GatewayFault("busy while summarising")
        return f"Summary {self.summaries} of {len(request.messages[-1]['content'])} characters."

    def _talk(self, request: llm.Request) -> Any:
        texts = helpers.sent(request, "user")
        fact = next((text for text in reversed(texts) if text.startswith("Fact")), "Fact 0: none")
        number, done = int(fact.split()[1][:-1]), _answers_since(request, fact)
        if number == 6 and done == 1:
            return errors.GatewayFault("busy in the middle of a turn")
        if done == 0:
            return [
                call("archival_memory_insert", content=fact, request_heartbeat=True),
                call("conversation_search", query=f"room {99 + number}", request_heartbeat=True),
                call("archival_memory_insert", request_heartbeat=True),
            ]
        if done == 1 and number % 2:
            return call("core_memory_append", name="human", content=f"Knows fact {number}.")
        if done == 1:
            return call("archival_memory_search", query=f"room {100 + number}")
        return call("send_message", message=f"Noted fact {number}.")

    def _tend(self, request: llm.Request) -> Any:
        done = sum(message["role"] == "assistant" for message in request.messages)
        seen = request.messages[0]["content"].count("Fact")
        if done == 0:
            text = f"The user told {seen} facts of late."
            return [
                call("rethink_block", name="human", content=text),
                call("archival_memory_insert", content=text),
                call("leave_guidance", content=text),
            ]
        return call("finish") if done > 1 else "I think that I am done."


def _answers_since(request: llm.Request, text: str) -> int:
    """How many answers stand in the window after the last message of that text."""
    found = 0
    for message in reversed(request.messages):
        if message["role"] == "user" and helpers.text_of(message) == text:
            break
        found += message["role"] == "assistant"
    return found


Scene = tuple[plans.Plan, list[api.Row], type[Any]]


@functools.cache
def scene(name: str) -> Scene:
    """The plan, transcript and model of a scene: `memgpt`, `two_threads`, or one of those above."""
    if name in PAIRS:
        return api.compile(name, PAIRS[name]), rows(TALK * 2, 400), extractive.Extractive
    if name in PIPELINES:
        return api.compile(name), rows(TALK[:9], 400), extractive.Extractive
    if name == "memgpt":
        return api.compile("memgpt", SMALL), rows(TALK, 400), extractive.Extractive
    path = Path(__file__).with_name("two_threads.yaml")
    return api.compile(path), rows(FACTS, 700), Busy


def rows(texts: Iterable[str], apart: float) -> list[api.Row]:
    """A transcript; `apart` seconds lie between its messages, twice as much after every fourth."""
    made, at = [], helpers.START
    for number, text in enumerate(texts):
        at += apart * (4 if number % 4 == 3 else 1)
        made.append(api.Row(text, at=at, key=f"{number}:{text[:10]}"))
    return made


def opened(plan: plans.Plan, path: str, gateway: Any) -> agents.Agent:
    """The agent of a scene, new or as it was left."""
    at = clock.VirtualClock(helpers.START)
    return api.open_agent(plan, path, seed=SEED, clock=at, gateway=gateway)


def record(name: str, path: Path, tape: Path) -> dict[str, list[str]]:
    """Run a scene once with its model, keep the recording in `tape`; the dump of the file."""
    plan, transcript, model = scene(name)
    recorder = recording.Recorder(model(), tape)
    agent = opened(plan, str(path), recorder)
    api.feed(agent, transcript)
    agent.close()
    recorder.close()
    return dumped(path)


def replay(name: str, path: Path, tape: Path) -> dict[str, list[str]]:
    """Run a scene from a recording; the dump of the file."""
    plan, transcript, _ = scene(name)
    agent = opened(plan, str(path), recording.Replay(tape))
    api.feed(agent, transcript)
    agent.close()
    return dumped(path)


def dumped(path: Path) -> dict[str, list[str]]:
    """All tables of a file that count."""
    db = database.open_file(str(path), readonly=True)
    try:
        return database.dump(db)
    finally:
        db.close()


def digests(tape: Path) -> list[str]:
    """The digests of the requests in a recording, in order."""
    return [json.loads(line)["key"] for line in tape.read_text(encoding="utf-8").splitlines()]


def unlike(left: Mapping[str, list[str]], right: Mapping[str, list[str]]) -> str:
    """The first row in which two dumps differ, for people; empty if they are equal."""
    for table in sorted(set(left) | set(right)):
        mine, other = left.get(table, []), right.get(table, [])
        for number in range(max(len(mine), len(other))):
            a = mine[number] if number < len(mine) else "(nothing)"
            b = other[number] if number < len(other) else "(nothing)"
            if a != b:
                return f"{table}, row {number}:\n  {a[:600]}\n  {b[:600]}"
    return ""
