"""Letta's core memory tasks: ten facts about a few people, and questions about them.

Read a user's copy of core_memory_read.jsonl or core_memory_update.jsonl (letta-ai/letta-evals).
Called by the planner. Knows no agent.

In the update task a fact that contradicts one of the ten comes last, in the words of the authors'
setup script, and the answer follows from it. Neither file says everything: read names no gold
facts, update no old answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pydantic

from archgraph.suites.datasets import base, case, files

_WHERE = "https://github.com/letta-ai/letta-evals, letta-leaderboard/core-memory-{0}-agent/datasets"
READ = files.Published(
    dataset="letta_memory_read",
    files={
        "46e259594951aa6d49cc344eaa55c4c51eba3eaffad46fc3b556fc395468a02e": "core_memory_read.jsonl"
    },
    where=_WHERE.format("read"),
    licence="Apache-2.0",
)
UPDATE = files.Published(
    dataset="letta_memory_update",
    files={
        "1cc912ad19353ffd1106728b045179a64d3d9586fc62006e6ccf69d9dedbe223": (
            "core_memory_update.jsonl"
        )
    },
    where=_WHERE.format("update"),
    licence="Apache-2.0",
)
NEWS = "Please update your knowledge with this new information: {fact}"
"""How the authors' setup_agent.py tells the contradicting fact."""

_WORD = re.compile(r"\w+")


class _Extra(files.Shape):
    facts: list[str] = pydantic.Field(min_length=1)
    supporting_fact_indices: list[int] = pydantic.Field(default=[])
    contradicting_fact: str | None = None
    contradicting_answer: files.Text | None = None

    @pydantic.model_validator(mode="after")
    def _known(self) -> _Extra:
        lost = [n for n in self.supporting_fact_indices if not 0 <= n < len(self.facts)]
        if lost:
            raise ValueError(f"supporting_fact_indices {lost} name none of {len(self.facts)} facts")
        return self


class _Arguments(files.Shape):
    extra: _Extra


class _Row(files.Shape):
    input: str
    ground_truth: files.Text
    agent_args: _Arguments

    @property
    def extra(self) -> _Extra:
        return self.agent_args.extra


class LettaMemoryRead(base.Dataset):
    """Letta's core memory read: 1,100 questions about 200 sets of ten facts (user's file)."""

    split = "dev"  # archgraph's retrieval defaults were checked on it
    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "exact", "f1", "evidence_recall", "window_recall",
    )  # fmt: skip
    licence = READ.licence

    class Options(files.Options):
        """Keys of `letta_memory_read`."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._rows, self._source = _read(READ, options.path, options.unverified)

    def conversations(self) -> Iterator[case.Conversation]:
        """Each set of facts with all the questions about it."""
        sets: dict[tuple[str, ...], list[_Row]] = {}
        for row in self._rows:
            sets.setdefault(tuple(row.extra.facts), []).append(row)
        for number, (told, rows) in enumerate(sets.items()):
            name, items = f"facts-{number:03}", _items(told)
            cases = tuple(_asked(f"{name}-{n}", name, items, row) for n, row in enumerate(rows))
            yield case.Conversation(name, items, cases)

    def provenance(self) -> Mapping[str, Any]:
        """The file and its digest, and where the evidence is from."""
        named = any(row.extra.supporting_fact_indices for row in self._rows)
        return self._source.provenance(evidence="named" if named else "derived")


class LettaMemoryUpdate(base.Dataset):
    """Letta's core memory update: a later fact contradicts an earlier one (user's file)."""

    mode = "converse"  # what is tested is that a thread brings its memory up to date
    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "judge", "f1", "evidence_recall", "window_recall",
    )  # fmt: skip
    licence = UPDATE.licence

    class Options(files.Options):
        """Keys of `letta_memory_update`."""

        read_path: str = ""
        """core_memory_read.jsonl, which knows the old answers: they become rejected ones."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._rows, self._source = _read(UPDATE, options.path, options.unverified)
        wrong = [
            f"{options.path}: row {number} has no contradicting_fact"
            for number, row in enumerate(self._rows)
            if not row.extra.contradicting_fact
        ]
        files.report("letta_memory_update", wrong)
        self._old: dict[tuple[tuple[str, ...], str], str] = {}
        if options.read_path:
            before, _ = _read(READ, options.read_path, options.unverified)
            self._old = {(tuple(r.extra.facts), r.input): r.ground_truth for r in before}

    def conversations(self) -> Iterator[case.Conversation]:
        """One history for each question: the facts, then the one that contradicts them."""
        sets: dict[tuple[str, ...], str] = {}
        for number, row in enumerate(self._rows):
            told, name = tuple(row.extra.facts), f"update-{number:04}"
            cluster = sets.setdefault(told, f"facts-{len(sets):03}")
            fact = (row.extra.contradicting_fact or "").strip('"')
            items = (*_items(told), case.Item("news", NEWS.format(fact=fact)))
            old = self._old.get((told, row.input))
            one = case.Case(
                id=name,
                cluster=cluster,
                history=items,
                question=row.input,
                answers=(row.ground_truth,),
                evidence=("news",),
                rejected=(old,) if old else (),
                details={"outdated": [f"fact-{n}" for n in row.extra.supporting_fact_indices]},
            )
            yield case.Conversation(name, items, (one,))

    def provenance(self) -> Mapping[str, Any]:
        """The file and its digest."""
        return self._source.provenance(old_answers=len(self._old))


def _read(
    published: files.Published, path: str, unverified: bool
) -> tuple[list[_Row], files.Source]:
    data, source = files.read(published, path, unverified)
    lines = files.json_lines(published.dataset, path, data)
    rows = [(f"{path}:{number}", row) for number, row in lines]
    return files.checked(published.dataset, _Row, rows), source


def _items(facts: Sequence[str]) -> tuple[case.Item, ...]:
    return tuple(case.Item(f"fact-{number}", fact) for number, fact in enumerate(facts))


def _asked(id: str, name: str, items: tuple[case.Item, ...], row: _Row) -> case.Case:
    gold = row.extra.supporting_fact_indices or [_gold(row)]
    return case.Case(
        id=id,
        cluster=name,
        history=items,
        question=row.input,
        answers=(row.ground_truth,),
        evidence=tuple(f"fact-{number}" for number in gold),
    )


def _gold(row: _Row) -> int:
    """The fact that contains the answer and shares most words with the question.

    The update file names the gold facts of the same questions: this finds one of them in 1,090 of
    1,100.
    """
    asked, answer = set(_WORD.findall(row.input.lower())), row.ground_truth.lower()

    def fits(number: int) -> tuple[bool, int, int]:
        fact = row.extra.facts[number].lower()
        return answer in fact, len(asked & set(_WORD.findall(fact))), -number

    return max(range(len(row.extra.facts)), key=fits)
