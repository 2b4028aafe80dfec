"""An agent's file: one writer, readers, versions, migrations, and a disk that is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.storage import database, driver, journal, migrations, records, rewind, writer_lock
from tests import helpers
from tests.helpers import Script, call


def fresh(path: Any = ":memory:", **more: Any) -> database.Database:
    return database.create(str(path), seed=1, **more)


def copied(path: Path) -> database.Database:
    return database.copy(fresh(), str(path))


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def memory_plan() -> Any:
    return helpers.plan(
        stores={"human": {"type": "block"}}, tools={"say": ("reply",), "note": ("append", "human")}
    )


# One writer, many readers


def test_a_second_writer_is_refused_with_a_clear_message(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    first = fresh(path)
    with pytest.raises(errors.AgentBusy, match=r"written to by process \d+; one writer at a time"):
        database.open_file(str(path))
    first.close()
    database.open_file(str(path)).close()


def test_a_second_writer_in_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    first = fresh(path)
    code = "import sys; from archgraph.storage import database; database.open_file(sys.argv[1])"
    refused = run(code, str(path))
    assert "AgentBusy" in refused.stderr and refused.returncode
    first.close()
    assert run(code, str(path)).returncode == 0


def test_a_dead_writer_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    code = """
        import os, signal, sys
        from archgraph.storage import database
        db = database.create(sys.argv[1], seed=1)
        with db.transaction():
            db.set_meta("kept", "yes")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run(code, str(path)).returncode == -9
    again = database.open_file(str(path))
    assert again.meta("kept") == "yes" and again.version == 1
    again.close()


def test_another_process_may_read_while_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    agent = helpers.opened(memory_plan(), Script(*[call("say", message="hi")] * 2), path)
    agent.send("hello")
    code = """
        import sys
        from archgraph.storage import database, journal
        db = database.open_file(sys.argv[1], readonly=True)
        print(len(journal.steps(db)), db.version)
    """
    before = run(code, str(path))
    assert before.stdout == f"1 {agent.db.version}\n", before.stderr
    with agent.db.transaction():
        agent.db.set_meta("half", "written")
        during = run(code, str(path))
    assert during.stdout == f"1 {agent.db.version - 1}\n", "a reader sees whole commits only"
    agent.send("again")
    assert run(code, str(path)).stdout == f"2 {agent.db.version}\n"


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fresh(path).close()
    reader = database.open_file(str(path), readonly=True)
    with pytest.raises(errors.AgentFileError, match="for reading only"), reader.transaction():
        pass


def test_the_lock_of_a_file_goes_with_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    lock = writer_lock.acquire(str(path))
    assert (tmp_path / "a.db-lock").exists()
    lock.release()
    lock.release()
    assert not (tmp_path / "a.db-lock").exists()


# What is no agent


def test_files_that_are_no_agent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.AgentFileError, match="there is no agent file"):
        database.open_file(str(tmp_path / "none.db"))
    text = tmp_path / "text.db"
    text.write_text("this is not a database, however long it is " * 50)
    with pytest.raises(errors.AgentFileError, match="cannot be read"):
        database.open_file(str(text))
    other = tmp_path / "other.db"
    connection = driver.driver().module.connect(str(other))
    connection.execute("CREATE TABLE t(x)")
    connection.close()
    with pytest.raises(errors.AgentFileError, match="not an archgraph agent"):
        database.open_file(str(other))
    with pytest.raises(errors.AgentFileError, match="exists already"):
        fresh(other)


def test_a_refused_file_is_not_locked(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database " * 100)
    for _ in range(2):
        with pytest.raises(errors.AgentFileError, match="cannot be read"):
            database.open_file(str(text))


# Migrations


def test_migrations_are_numbered_and_noted_in_the_file(tmp_path: Path) -> None:
    db = fresh(tmp_path / "a.db")
    assert db.value("PRAGMA user_version") == migrations.SCHEMA
    assert db.value("PRAGMA application_id") == migrations.APPLICATION_ID
    names = [row[0] for row in db.all("SELECT name FROM _sqlite_migrations")]
    assert [name[:4] for name in names] == [f"m{n:03}" for n in range(1, migrations.SCHEMA + 1)]


def test_a_file_of_a_newer_archgraph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    db = fresh(path)
    db.execute(f"PRAGMA user_version = {migrations.SCHEMA + 1}")
    db.close()
    with pytest.raises(errors.AgentFileError, match="newer archgraph"):
        database.open_file(str(path))


def test_an_older_file_is_brought_up_to_date_when_it_is_opened_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    db = fresh(path)
    db.execute("PRAGMA user_version = 0")
    db.close()
    with pytest.raises(errors.AgentFileError, match="old schema"):
        database.open_file(str(path), readonly=True)
    again = database.open_file(str(path))
    assert again.value("PRAGMA user_version") == migrations.SCHEMA


# Commits


def test_a_commit_is_all_or_nothing() -> None:
    db = fresh()
    notes = records.Records(db, "notes")
    with pytest.raises(ValueError, match="no"), db.transaction():
        notes.add(records.Record(id="a", content="x"))
        raise ValueError("no")
    assert notes.count() == 0 and db.version == 0 and not db.in_transaction
    with db.transaction() as version:
        notes.add(records.Record(id="a", content="x"))
    assert (notes.count(), db.version, version) == (1, 1, 1)


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_is_declared_and_kept(tmp_path: Path, durability: str, level: int) -> None:
    path = tmp_path / "a.db"
    db = fresh(path, durability=durability)
    assert db.value("PRAGMA journal_mode") == "wal"
    assert db.value("PRAGMA synchronous") == level
    db.close()
    assert database.open_file(str(path)).value("PRAGMA synchronous") == level


def test_a_record_is_never_overwritten_and_can_be_read_as_of_any_commit() -> None:
    db = fresh()
    notes = records.Records(db, "notes")
    with db.transaction():
        first = notes.add(records.Record(id="a", content="one"))
    with db.transaction():
        second = notes.update(first, content="two")
    with db.transaction():
        notes.remove(second)
    seen = [[r.content for r in records.Records(db, "notes", v).select()] for v in range(4)]
    assert seen == [[], ["one"], ["two"], []]
    assert [r.content for r in notes.history("a")] == ["one", "two"]


def test_rewinding_a_copy_takes_everything_back() -> None:
    db = fresh()
    notes = records.Records(db, "notes")
    with db.transaction():
        kept = notes.add(records.Record(id="a", content="one"))
    before = database.dump(db)
    with db.transaction():
        notes.update(kept, content="two")
        notes.add(records.Record(id="b", content="more"))
        notes.touch([kept])
        journal.add_event(db, "x", {})
        journal.intern_prompt(db, "p\n\nq")
    copied = database.copy(db, ":memory:")
    rewind.rewind(copied, 1)
    assert database.dump(copied) == before
    assert copied.version == 1 and notes.accesses("a")[0] == 1


def test_ids_depend_on_seed_commit_and_ordinal() -> None:
    def ids(seed: int) -> list[str]:
        db = database.create(":memory:", seed=seed)
        found = []
        for _ in range(2):
            with db.transaction():
                found += [db.new_id(), db.new_id()]
        return found

    assert ids(1) == ids(1) and len(set(ids(1) + ids(2))) == 8


def test_a_foreign_file_is_not_written_to(tmp_path: Path) -> None:
    empty, short = tmp_path / "empty.db", tmp_path / "short.db"
    empty.write_bytes(b"")
    short.write_bytes(b"SQLite format 3\0" + b"x" * 34)
    for path, told in ((empty, "it is empty"), (short, "50 bytes long; if it was longer, go back")):
        before = path.read_bytes()
        for readonly in (True, False):
            with pytest.raises(errors.AgentFileError, match=told):
                database.open_file(str(path), readonly=readonly)
        assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [empty, short]


def test_a_truncated_file_is_told_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fresh(path).close()
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(errors.AgentFileError, match="go back to a copy"):
        database.open_file(str(path))


def test_nothing_that_is_no_agent_is_advised_to_be_removed(tmp_path: Path) -> None:
    source = tmp_path / "mine.yaml"
    source.write_text("name: mine\n" * 30, encoding="utf-8")
    for path, told in ((tmp_path, "is a folder"), (source, "is no agent's file; choose another")):
        for make in (fresh, copied):
            with pytest.raises(errors.AgentFileError, match=told) as caught:
                make(path)
            assert "remove" not in str(caught.value)


def test_an_agent_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made = fresh(path)
    with made.transaction():
        made.set_meta("kept", "yes")
    made.close()
    (tmp_path / "a.db-shm").mkdir()  # as in a read-only folder: SQLite can make no such file
    reader = database.open_file(str(path), readonly=True)
    assert reader.meta("kept") == "yes"
    fork = database.copy(reader, str(tmp_path / "b.db"))
    assert fork.meta("kept") == "yes"
    fork.close()
    reader.close()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.AgentFileError, match=r"there is no folder .*nowhere; make it first"):
        fresh(tmp_path / "nowhere" / "a.db")


# A disk that is full


def test_a_full_disk_leaves_no_lock_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(errors.MachineError, match="free some space"):
        writer_lock.acquire(str(tmp_path / "a.db"))
    assert not list(tmp_path.iterdir())


def full(db: database.Database) -> None:
    """Let the file grow no more."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = db.value("PRAGMA page_count")
    db.execute(f"PRAGMA max_page_count = {pages}")


def roomy(db: database.Database) -> None:
    db.execute("PRAGMA max_page_count = 1073741823")


def test_a_full_disk_loses_the_commit_and_nothing_else(tmp_path: Path) -> None:
    db = fresh(tmp_path / "a.db")
    notes = records.Records(db, "notes")
    with db.transaction():
        notes.add(records.Record(id="kept", content="x"))
    full(db)
    with pytest.raises(errors.MachineError, match="Free some space on the disk"), db.transaction():
        for number in range(200):
            notes.add(records.Record(id=str(number), content="y" * 2000))
    assert [r.id for r in notes.select()] == ["kept"] and db.version == 1
    roomy(db)
    with db.transaction():
        notes.add(records.Record(id="later", content="z"))
    assert [r.id for r in notes.select()] == ["kept", "later"]


@pytest.mark.parametrize("phase", ["input", "reply", "calls"])
def test_a_full_disk_leaves_no_step_half_done(tmp_path: Path, phase: str) -> None:
    """The disk fills up before the input, after it, or after the reply was recorded."""
    big = "word " * 350

    def fills(request: Any) -> Any:
        if phase == "reply":
            full(agent.db)
        return call("note", content=big, request_heartbeat=True)

    script = Script(fills)
    agent = helpers.opened(memory_plan(), script, tmp_path / "a.db")
    for number in range(3):
        agent.observe(f"{number} {big}")
    if phase == "input":
        full(agent.db)
    human: Any = agent.stores["human"]
    real = human.append
    if phase == "calls":

        def append(**arguments: Any) -> str:
            agent.db.execute(f"PRAGMA max_page_count = {agent.db.value('PRAGMA page_count')}")
            return str(real(**arguments))

        human.append = append
    with pytest.raises(errors.MachineError):
        for _ in range(40):
            agent.send(big * 2)
            script.then(fills)
    assert not agent.db.in_transaction
    roomy(agent.db)
    human.append = real
    agent.close()
    script.items = [call("say", message="hi")] if phase == "calls" else [
        call("note", content=big, request_heartbeat=True), call("say", message="hi"),
    ]  # fmt: skip
    again = helpers.reopened(tmp_path / "a.db", script)
    assert again.db.value("PRAGMA integrity_check") == "ok"
    again.resume()
    if phase == "input":
        assert not journal.turns(again.db), "the message was never acknowledged"
        assert len(script.items) == 2
        return
    assert [turn.status for turn in journal.turns(again.db)][-1] == "done"
    held: Any = again.stores["human"]
    assert held.text == big, "written once"
    assert not script.items, "a recorded reply was used, an unrecorded one asked for again"
