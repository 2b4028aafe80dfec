"""What every peer does: conversations of five turns on copies of one prepared file, timed.

A peer hands its `Conversation` class to `main`; the arguments and the line that is printed are the
same for all, so that `benchmarks.figures.turns` can set them side by side. Preparing the history,
opening and closing are not timed; the first conversation warms up and is not counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from benchmarks import measure

PER_CONVERSATION = 5
SYSTEM = (
    "You are a helpful companion who remembers what the user tells you. Keep what matters with "
    "your tools, answer in one or two friendly sentences, and never invent a memory."
)
SAID = (
    "I took Miso to the vet on Tuesday and she was very brave about the whole affair.",
    "That is good to hear. Did the vet say anything about her weight this time?",
)


class Conversation(Protocol):
    """One durable conversation of a peer, kept in the file at `path`."""

    def __init__(self, url: str, mode: str, path: Path) -> None:
        """Open it."""

    @staticmethod
    def prepare(url: str, mode: str, path: Path, history: int) -> None:
        """Write a new file that holds `history` messages, user and assistant in turn."""

    def turn(self, text: str) -> str:
        """Send a message and return the reply, everything committed."""

    def close(self) -> None:
        """Leave nothing open."""


def past(history: int) -> list[tuple[str, str]]:
    """Role and text of the messages that a conversation begins with."""
    return [(("user", "assistant")[n % 2], f"{SAID[n % 2]} ({n})") for n in range(history)]


def main(peer: type[Conversation]) -> None:
    """Run the peer as the command line says, and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url", help="of the fake server, with /v1")
    parser.add_argument("mode", choices=["reply", "hb10"])
    parser.add_argument("history", type=int)
    parser.add_argument("turns", type=int, help=f"rounded up to a multiple of {PER_CONVERSATION}")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        print(json.dumps(_run(peer, args, Path(folder))), flush=True)


def _run(peer: type[Conversation], args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    prepared = folder / "prepared.db"
    peer.prepare(args.url, args.mode, prepared, args.history)
    samples, load = measure.Samples(), measure.load()
    data = file = 0.0
    for number in range(-1, -(-args.turns // PER_CONVERSATION)):
        if number == 0:
            samples, data, file = measure.Samples(), 0.0, 0.0
            _server(args.url, "reset")
        path = _copied(prepared, folder / f"c{number}.db")
        before = measure.data_kb(path), measure.file_kb(path)
        _converse(peer, args, path, samples)
        data += measure.data_kb(path) - before[0]
        file += measure.file_kb(path) - before[1]
        for part in folder.glob(f"{path.name}*"):
            part.unlink()
    turns = len(samples.wall)
    asked = _server(args.url, "stats")
    return {
        "turns": turns,
        "wall_ms": measure.spread(samples.wall),
        "cpu_ms": measure.spread(samples.cpu),
        "wall_samples": [round(value, 3) for value in samples.wall],
        "cpu_samples": [round(value, 3) for value in samples.cpu],
        "requests_per_turn": asked["requests"] / turns,
        "prompt_kb": asked["prompt_bytes"] / max(1, asked["requests"]) / 1000,
        "data_kb_per_turn": data / turns,
        "file_kb_per_turn": file / turns,
        "rss_mb": measure.rss_mb(),
        "load": load,
    }


def _copied(prepared: Path, path: Path) -> Path:
    for part in prepared.parent.glob(f"{prepared.name}*"):
        shutil.copy(part, path.with_name(path.name + part.name.removeprefix(prepared.name)))
    return path


def _converse(
    peer: type[Conversation], args: argparse.Namespace, path: Path, samples: measure.Samples
) -> None:
    conversation = peer(args.url, args.mode, path)
    for number in range(PER_CONVERSATION):
        text = f"[bench] Please keep this in mind about Miso, the cat of the house ({number})."
        reply = samples.take(lambda text=text: conversation.turn(text))
        if not reply.startswith("Noted."):
            raise SystemExit(f"not the server's reply: {reply!r}")
    conversation.close()


def _server(url: str, what: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/{what}") as response:
        told: dict[str, int] = json.load(response)
    return told
