from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.suites.datasets import letta_memory

FACTS = ["Ann bakes bread and likes Rome.", "Ann lives in Rome.", "Bob sails."]


def row(question: str, answer: Any, **extra: Any) -> dict[str, Any]:
    return {
        "input": question, "ground_truth": answer,
        "agent_args": {"extra": {"facts": FACTS, **extra}},
    }  # fmt: skip


def write(path: Path, *rows: Any) -> str:
    path.write_text("\n".join(json.dumps(each) for each in rows))
    return str(path)


def test_a_set_of_facts_is_a_conversation_with_all_its_questions(tmp_path: Path) -> None:
    path = write(tmp_path / "r.jsonl", row("In which city lives Ann?", "Rome"),
                 row("Who sails?", "Bob", supporting_fact_indices=[2, 0]),
                 row("Who bakes bread and likes what Bob likes?", "sails"))  # fmt: skip
    kind = letta_memory.LettaMemoryRead
    data = kind(kind.Options(path=path, unverified=True))
    [found] = data.conversations()
    assert [item.text for item in found.items] == FACTS
    assert [one.answers for one in found.cases] == [("Rome",), ("Bob",), ("sails",)]
    assert found.cases[0].evidence == ("fact-1",), "of two that hold the answer, the nearer"
    assert found.cases[1].evidence == ("fact-2", "fact-0"), "what the file names wins"
    assert found.cases[2].evidence == ("fact-2",), "it holds the answer"
    assert data.provenance()["evidence"] == "named"


def test_the_contradiction_comes_last_and_holds(tmp_path: Path) -> None:
    news = {"contradicting_fact": '"Ann lives in Oslo."', "contradicting_answer": "Oslo"}
    path = write(
        tmp_path / "u.jsonl", row("Where lives Ann?", "Oslo", supporting_fact_indices=[1], **news)
    )
    old = write(tmp_path / "r.jsonl", row("Where lives Ann?", "Rome"))
    kind = letta_memory.LettaMemoryUpdate
    [found] = kind(kind.Options(path=path, unverified=True)).conversations()
    assert found.items[-1].text == letta_memory.NEWS.format(fact="Ann lives in Oslo.")
    [one] = found.cases
    assert (one.answers, one.evidence, one.rejected) == (("Oslo",), ("news",), ())
    assert one.details["outdated"] == ["fact-1"]
    [found] = kind(kind.Options(path=path, unverified=True, read_path=old)).conversations()
    assert found.cases[0].rejected == ("Rome",)
    assert kind.mode == "converse"


def test_wrong_rows_are_named(tmp_path: Path) -> None:
    read, update = letta_memory.LettaMemoryRead, letta_memory.LettaMemoryUpdate
    path = write(tmp_path / "x.jsonl", row("?", "x"), row("?", "x", supporting_fact_indices=[3]))
    with pytest.raises(errors.InputError, match=r"x.jsonl:2: .*supporting_fact_indices \[3\] name"):
        read(read.Options(path=path, unverified=True))
    path = write(tmp_path / "y.jsonl", row("?", "x"))
    with pytest.raises(errors.InputError, match="row 0 has no contradicting_fact"):
        update(update.Options(path=path, unverified=True))
    with pytest.raises(errors.InputError, match="core-memory-update-agent"):
        update(update.Options(path=path))


def test_lettas_own_file(test_data: Path) -> None:
    kind = letta_memory.LettaMemoryRead
    data = kind(kind.Options(path=str(test_data / "letta_memory" / "core_memory_read.jsonl")))
    found = list(data.conversations())
    assert data.provenance()["verified"] is True
    assert (len(found), sum(len(each.cases) for each in found)) == (200, 1_100)
    assert all(len(one.evidence) == 1 for each in found for one in each.cases)
