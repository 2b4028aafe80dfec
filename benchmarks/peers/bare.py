"""The least loop that does the job: httpx, one SQLite file, one commit a message. The floor.

`python -m benchmarks.peers.bare URL reply|hb10 HISTORY TURNS`. Reads the history from the file at
each turn and sends all of it. WAL, synchronous=NORMAL: a killed process loses nothing, a power cut
may lose the last commits.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx

from benchmarks.peers import loop

TOOL = {
    "type": "function",
    "function": {
        "name": "remember",
        "description": "Keep a fact about the user for later.",
        "parameters": {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "The fact, in a sentence."}},
            "required": ["text"],
        },
    },
}


def connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(
        """PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
        CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, wire TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"""
    )
    return database


class Bare:
    """One conversation."""

    def __init__(self, url: str, mode: str, path: Path) -> None:
        self.client = httpx.Client(timeout=60)
        self.url, self.mode, self.database = f"{url}/chat/completions", mode, connect(path)

    @staticmethod
    def prepare(url: str, mode: str, path: Path, history: int) -> None:
        database = connect(path)
        rows = [{"role": role, "content": text} for role, text in loop.past(history)]
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO messages(wire) VALUES (?)", [(json.dumps(row),) for row in rows]
        )
        database.execute("COMMIT")
        database.close()

    def turn(self, text: str) -> str:
        rows = self.database.execute("SELECT wire FROM messages ORDER BY id")
        messages = [
            {"role": "system", "content": loop.SYSTEM},
            *(json.loads(row[0]) for row in rows),
        ]
        self.keep(messages, {"role": "user", "content": text})
        while True:
            message = self.ask(messages)
            self.keep(messages, message)
            if not message.get("tool_calls"):
                return str(message["content"])
            for call in message["tool_calls"]:
                said = self.remember(**json.loads(call["function"]["arguments"]))
                result = {"role": "tool", "tool_call_id": call["id"], "content": said}
                self.keep(messages, result)

    def ask(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        body = {"model": self.mode, "messages": messages, "tools": [TOOL]}
        response = self.client.post(self.url, json=body, headers={"authorization": "Bearer none"})
        message: dict[str, Any] = response.raise_for_status().json()["choices"][0]["message"]
        return message

    def keep(self, messages: list[dict[str, Any]], message: dict[str, Any]) -> None:
        self.database.execute("INSERT INTO messages(wire) VALUES (?)", (json.dumps(message),))
        messages.append(message)

    def remember(self, text: str) -> str:
        self.database.execute("INSERT INTO notes(text) VALUES (?)", (text,))
        return "kept"

    def close(self) -> None:
        self.database.close()
        self.client.close()


if __name__ == "__main__":
    loop.main(Bare)
