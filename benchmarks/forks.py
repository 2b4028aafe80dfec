"""What a fork per question costs: a conversation's questions beside their own steps.

    .venv/bin/python benchmarks/forks.py [PATH] [--architectures NAME ...] [--questions N]
        [--mode observe|converse] [--rounds N]

Feeds one conversation to each architecture, then asks its questions, each in a fork of its own.
All figures are CPU time of this process, so that other work on the machine does not count. The
ratio is (ingest + all asking) / (ingest + the questions' own steps); an own step is all that the
agent did from the question to its reply, which is what `times` of an outcome sum up. The rest is
forking, attaching, observing and closing. Goal: at most 1.15.

PATH is a file of LoCoMo, of which the first conversation is taken (its questions are asked again
until there are as many as wanted). Without one a `persona_chat` is generated.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import archgraph
from archgraph import clock
from archgraph.suites.datasets import case as cases
from archgraph.suites.datasets import locomo, persona_chat
from archgraph.suites.running import trial

ARMS = ("memgpt", "text_rag", "fixed_window", "full_context", "no_memory")
GOAL = 1.15


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a conversation: the ingest, the questions' own steps, all of the asking."""

    ingest: float
    own: float
    asking: float

    @property
    def ratio(self) -> float:
        """What the questions cost beside what they must."""
        return (self.ingest + self.asking) / (self.ingest + self.own)


def conversation(path: str) -> cases.Conversation:
    """The first conversation of a LoCoMo file, or a generated one."""
    if path:
        return locomo.load(path).conversations[0]
    options = persona_chat.PersonaChat.Options(
        chats=1, sessions=19, turns=22, questions_per_chat=200
    )
    return next(persona_chat.PersonaChat(options).conversations())


def measure(name: str, talk: cases.Conversation, mode: str, count: int) -> Cost:
    """One ingest and `count` questions."""
    conditions = trial.simple(archgraph.compile(name), mode)
    began = time.process_time()
    with trial.ingest(conditions, talk, 0) as ingested:
        ingest = time.process_time() - began
        own, began = 0.0, time.process_time()
        for number in range(count):
            case = talk.cases[number % len(talk.cases)]
            own += sum(trial.ask(conditions, ingested, case, 0).times.values()) / 1000
        return Cost(ingest, own, time.process_time() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", nargs="?", default="", help="a file of LoCoMo")
    parser.add_argument("--architectures", nargs="+", default=list(ARMS), metavar="NAME")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--mode", choices=("observe", "converse"), default="observe")
    parser.add_argument("--rounds", type=int, default=2, help="the cheapest round is printed")
    chosen = parser.parse_args(arguments)
    clock.elapsed = time.process_time  # the stopwatch of `times` counts CPU, as all else here
    talk = conversation(chosen.path)
    print(f"{talk.id}: {len(talk.items)} items, {chosen.questions} questions, {chosen.mode}; "
          f"load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    print(f"| architecture | ingest s | own ms a question | overhead ms | ratio (<= {GOAL}) |")
    print("|---|---|---|---|---|", flush=True)
    for name in chosen.architectures:
        rounds = [measure(name, talk, chosen.mode, chosen.questions) for _ in range(chosen.rounds)]
        best = min(rounds, key=lambda cost: cost.ingest + cost.asking)
        own = 1000 * best.own / chosen.questions
        more = 1000 * (best.asking - best.own) / chosen.questions
        print(f"| {name} | {best.ingest:.2f} | {own:.2f} | {more:.2f} | {best.ratio:.3f} |",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
