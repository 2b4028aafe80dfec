"""Each wrong store type is caught, with words that name its fault."""

from __future__ import annotations

import re

import pytest

from archgraph.conformance import report
from archgraph.stores import base
from tests.conformance import contracts, faulty

FAULTS: list[tuple[type[base.Store], str]] = [
    (faulty.InMemory, "durability: lost by closing and opening"),
    (faulty.InMemory, "rollback: undone writes remain"),
    (faulty.InMemory, "fork: lost after a fork"),
    (faulty.InMemory, "readers: a reader beside the writer does not see"),
    (faulty.InMemory, "kill: lost by a kill after the commit"),
    (faulty.BesideTheFile, "isolation: it wrote files beside the agent's: .'notes.txt'"),
    (faulty.BesideTheFile, "fork: writing to a fork changed the original"),
    (faulty.BesideTheFile, "rollback: undone writes remain"),
    (faulty.InItsClass, "global state: InItsClass.written changed while"),
    (faulty.InItsModule, "global state: tests.conformance.faulty.SHARED changed while"),
    (faulty.Silent, "events: a write did not emit `write`"),
    (faulty.Twice, "events: one write emitted `write` 2 times"),
    (faulty.Hasty, "events: a refused write emitted ..write"),
    (faulty.Undeclared, "events: it emits 'noted', which `events` does not name"),
    (faulty.Unkept, "events: the payload of 'write' is no JSON"),
    (faulty.Boundless, r"limits: it renders \d+ tokens, its token_cap\(\) is 820"),
    (faulty.Greedy, "limits: for a reader with room for 1 tokens it renders"),
    (faulty.Characters, r"limits: it renders \d+ tokens, its token_cap\(\) is 820"),
    (faulty.OffByOne, "limits: it refuses a text as long as its limit"),
    (faulty.Limitless, "limits: it takes 101 characters; `limit` is 100"),
    (faulty.Numberless, "limits: a refusal without a number"),
    (faulty.Late, "limits: a refused write was written in part"),
    (faulty.Echoing, r"limits: a refusal of \d+ characters"),
    (faulty.Overfull, "limits: it holds 4 records; its capacity is 3"),
    (faulty.Swallowing, "limits: a write to a full store is lost without a word"),
    (faulty.Ascii, "unicode: .* came back as"),
    (faulty.Normalising, "unicode: .* came back as"),
    (faulty.CuttingAtNul, "unicode: 'before.x00after' came back as"),
    (faulty.Splitting, "unicode: .*u2028.* came back as"),
    (faulty.Formatting, "render: it evaluates what a text says"),
    (faulty.Framed, "render: a remembered `</mine>` ends the frame"),
    (faulty.Dicing, r"chance: it asks the machine for chance: random.random\(\) in line"),
    (faulty.Dicing, "determinism: two equal runs differ"),
    (faulty.OwnIds, "chance: it asks the machine for chance: uuid4"),
    (faulty.OwnIds, "determinism: two equal runs differ"),
    (faulty.WallClock, r"clock: it asks the machine for the time: today\(\) in line"),
    (faulty.Dated, r"clock: it asks the machine for the time: time\(\) in line"),
    (faulty.Dated, "provenance: a row is dated"),
    (faulty.Hashing, "determinism: another process, with another hash seed, differs"),
    (faulty.Caching, "rollback: it still remembers what was rolled back: count"),
    (faulty.Frozen, "readers: an open reader misses new commits"),
    (faulty.Frozen, "versions: as of commit 2 of 7 it differs"),
    (faulty.Miscounting, "measures: the measure 'count' is 7, and the records hold 6"),
    (faulty.Negative, "measures: the measure 'room' is -"),
    (faulty.Tokenless, "provenance: a record of .* says 0 tokens"),
    (faulty.Presuming, "measures: measure.'no_such_measure'. gave 0"),
    (faulty.Overwriting, "history: a row was overwritten"),
    (faulty.Overwriting, "versions: read as of an earlier commit"),
    (faulty.Deleting, "history: rows were deleted from the file"),
    (faulty.Present, "versions: read as of an earlier commit"),
    (faulty.Impostor, "provenance: a row written by .'main', 3, 7. says .'notes'"),
    (faulty.Meddling, "provenance: it changed who writes"),
    (faulty.Committing, "rollback: "),
    (faulty.Beginning, "beginning: opening the store wrote to the agent's file"),
    (faulty.Everywhere, "isolation: writing to another store changed this one"),
    (faulty.Trespassing, "isolation: it wrote rows of `record` in another store's name"),
    (faulty.Overlapping, "paging: 'list' says 13 results"),
    (faulty.Exaggerating, "paging: 'list' says 15 results"),
    (faulty.Shuffling, "paging: the pages of 'list' change between two readings"),
    (faulty.Endless, "paging: 'list' takes page"),
    (faulty.Totalless, "paging: 'list' takes a page, but its first line tells no total"),
    (faulty.Crashing, r"errors: read\(.* raised ValueError"),
    (faulty.Wordless, "verbs: the verb 'size' gives int"),
    (faulty.Searching, 'search: the query "\'" raises OperationalError'),
    (faulty.Blind, "search: a search for 'quetzalcoatl' does not find it"),
    (faulty.Sly, "verbs: the verb 'glance' writes, but is not marked"),
    (faulty.Undescribed, "verbs: the docstring of 'drop' says nothing of 'number'"),
    (faulty.Nameless, "description: the class has no docstring"),
    (faulty.Lenient, "options: it takes the unknown key"),
    (faulty.Unexplained, "options: the option 'depth' has no text below it"),
    (faulty.Selfish, "measures: the measure 'count' is 1, and the records hold 2"),
    (faulty.Jotting, "durability: looking at the store changed the agent's file"),
]

SOUND = (contracts.Notes, faulty.Limited, faulty.Paging)
"""What the wrong ones are variations of."""


def kinds() -> list[type[base.Store]]:
    return list(dict.fromkeys(kind for kind, _ in FAULTS))


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_a_fault_is_caught_and_named(kind: type[base.Store]) -> None:
    faults = [fault for each, fault in FAULTS if each is kind]
    groups = {fault.split(":")[0] for fault in faults}
    whys = [result.why for result in report.run(kind, groups=groups).broken]
    for fault in faults:
        assert any(re.match(fault, why, re.DOTALL) for why in whys), f"{fault}: {whys}"
    assert all("Remedy: " in why for why in whys)


@pytest.mark.parametrize("kind", SOUND, ids=lambda kind: kind.__name__)
def test_what_is_right_passes(kind: type[base.Store]) -> None:
    found = report.run(kind)
    assert found.broken == [] and found.count(report.KEPT) >= 80


def test_there_are_many(capsys: pytest.CaptureFixture[str]) -> None:
    told = {name for name, each in vars(faulty).items() if isinstance(each, type)}
    sown = {name for name in told if issubclass(getattr(faulty, name), contracts.Notes)}
    elsewhere = {"Refusing", "Failing", "Picky"}  # what the suite cannot begin with: test_report
    assert sown - elsewhere - {"Notes", "Limited", "Paging"} == {kind.__name__ for kind in kinds()}
    with capsys.disabled():
        print(f"\nconformance: {len(kinds())} seeded faults are caught and named")
    assert len(kinds()) >= 30
