"""A run that was changed after it ended is told by what was changed; a sound one is silent."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archgraph import comparisons
from archgraph.suites import plan
from archgraph.suites.reporting import markdown
from archgraph.suites.running import coordinator, ledger_schema, packing, recordings, verifying
from tests.suites import made_plans

MANIFEST = recordings.MANIFEST


def planned(**more: Any) -> plan.RunPlan:
    asked = comparisons.Asked(
        ("no_memory", "fixed_window"), ("nested_kv:depths=[0,1],orderings=2,pairs=10",),
        more={"scorers": ["exact", "contains"], **more},
    )  # fmt: skip
    return comparisons.planned(asked)


def run(folder: Path, made: plan.RunPlan, **more: Any) -> coordinator.RunEnd:
    return comparisons.run(made, folder, coordinator.Options(**{"workers": 0, **more}))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    run(folder, planned())
    comparisons.keep_report(folder, "<p>A page.</p>")
    assert verifying.verify(folder) == []
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "run"))


def forge(folder: Path, change: Callable[[Any], Any] | str) -> None:
    connection, lock = ledger_schema.create(folder)
    if isinstance(change, str):
        assert connection.execute(change).rowcount > 0, "nothing was forged"
    else:
        change(connection)
    connection.close()
    lock.release()


def written(folder: Path, change: Callable[[Any], Any]) -> None:
    path = folder / MANIFEST
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def kept(old: str, new: str, *, hashed: bool = False) -> Callable[[Any], None]:
    """Forge the kept histories; with `hashed` their hashes, too."""

    def change(db: Any) -> None:
        for hash, body in db.execute("SELECT hash, body FROM conversation").fetchall():
            text = packing.unsqueezed(body).replace(old, new)
            assert text != packing.unsqueezed(body), "nothing was forged"
            ours = hashlib.sha256(text.encode()).hexdigest() if hashed else hash
            db.execute("UPDATE conversation SET hash = ?, body = ? WHERE hash = ?",
                       (ours, packing.squeezed(text), hash))  # fmt: skip
            db.execute("UPDATE history SET body = ? WHERE body = ?", (ours, hash))

    return change


def windows(db: Any) -> None:
    db.executemany(
        "UPDATE text SET body = ? WHERE n = ?",
        [(packing.squeezed(f"{packing.unsqueezed(body)}!"), n)
         for n, body in db.execute("SELECT n, body FROM text").fetchall()],
    )  # fmt: skip


def steps(db: Any) -> None:
    for trial, body in db.execute("SELECT trial, body FROM detail").fetchall():
        found = json.loads(zlib.decompress(body))
        found["window"] = ["forged"]
        db.execute("UPDATE detail SET body = ? WHERE trial = ?",
                   (zlib.compress(json.dumps(found).encode()), trial))  # fmt: skip


FORGED_LEDGER: dict[str, tuple[Callable[[Any], Any] | str, str]] = {
    "alpha": ("UPDATE meta SET value = json_set(value, '$.alpha', 0.9, '$.margin', 0.9) "
              "WHERE key = 'suite'", "suite.alpha is 0.05, in the ledger it is 0.9"),
    "planned": ("UPDATE meta SET value = '7' WHERE key = 'planned'", "digest of the suite"),
    "models": ("UPDATE meta SET value = json_set(value, '$.models[0]', 'x/y') "
               "WHERE key = 'manifest'", "digest of the versions and data"),
    "arm": ("UPDATE arm SET body = json_set(body, '$.model', 'gpt-99')", "digest of the arms"),
    "drawing": ("UPDATE arm SET drawing = '<svg/>'", "digest of the arms"),
    "dataset": ("UPDATE dataset SET body = json_set(body, '$.split', 'held out')",
                "digest of the datasets"),
    "scorer": ("UPDATE scorer SET body = json_set(body, '$.binary', 0)", "digest of the scorers"),
    "ingest": ("UPDATE history SET spent = json_set(spent, '$.prompt_tokens', 1)",
               "digest of the ingests"),
    "ingest times": ("UPDATE history SET times = '{\"ingest\": 1}'", "digest of the times"),
    "parts": ("UPDATE trial SET parts = (SELECT parts FROM trial WHERE place = 1) "
              "WHERE place = 0", "its id is not the digest of its parts"),
    "no parts": ("UPDATE trial SET parts = '{}'", "digest of the trials and their parts"),
    "digests of parts": ("UPDATE input SET digest = substr(digest || 'f', 2) WHERE n < 9",
                         "its id is not the digest of its parts"),
    "parts of a history": ("UPDATE history SET parts = json_remove(parts, '$.engine')",
                           "its id is not the digest of its parts"),
    "descriptions": ("UPDATE input SET description = 'forged'", "digest of the descriptions"),
    "seeds": ("UPDATE trial SET answer_seed = 7", "the kept answer seed is not"),
    "windows": (windows, "of a window: it does not have its hash"),
    "steps": (steps, "digest of the outcomes"),
    "kept question": (kept('"question": "', '"question": "Forged: '), "does not have its hash"),
    "question and hash": (kept('"question": "', '"question": "Forged: ', hashed=True),
                          "the kept question is not the one"),
    "answers and hash": (kept('"answers": ["', '"answers": ["forged ', hashed=True),
                         "the kept answers is not the one"),
    "items and hash": (kept('"items": [["', '"items": [["forged ', hashed=True),
                       "the kept items is not the one"),
    "notes": ("UPDATE score SET note = 'forged'", "digest of the notes of scores"),
    "score": ("UPDATE score SET value = 0.25", "with its note 0.25"),
    "unnoted": ("UPDATE meta SET value = '' WHERE key = 'sealed'", "did not end in order"),
    "noted": ("UPDATE meta SET value = 'f' WHERE key = 'sealed'", "noted in the ledger f"),
    "out of the plan": ("UPDATE trial SET place = NULL WHERE place = 0", "digest of the trials"),
}  # fmt: skip

FORGED_MANIFEST: dict[str, tuple[Callable[[Any], Any], str]] = {
    "models": (lambda told: told["manifest"].update(models=["x/y"]), "manifest.models is"),
    "alpha": (lambda told: told["suite"].update(alpha=0.9), "suite.alpha is 0.9"),
    "data": (lambda told: told["manifest"]["data"]["nested_kv"].update(split="held out"),
             "manifest.data.nested_kv.split is"),
    "version": (lambda told: told.update(archgraph="9"), "archgraph is \"9\""),
    "a version": (lambda told: told["manifest"].update(sqlite="9"), "manifest.sqlite is \"9\""),
    "more": (lambda told: told["manifest"].update(more=1), "manifest.more is 1"),
    "digest": (lambda told: told.update(digest="f"), "the run's digest is f"),
    "a section": (lambda told: told["sections"].update(rows="f"), "digest of the rows"),
    "no sections": (lambda told: told.pop("sections"), "it has no digests"),
    "no page": (lambda told: told.pop("report"), "has no sha256 of it"),
    "no table": (lambda told: told.pop("table"), "table's sha256"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED_LEDGER)
def test_a_changed_ledger_is_told(folder: Path, name: str) -> None:
    change, said = FORGED_LEDGER[name]
    forge(folder, change)
    found = verifying.verify(folder)
    assert any(said in each for each in found), found


@pytest.mark.parametrize("name", FORGED_MANIFEST)
def test_a_changed_manifest_is_told(folder: Path, name: str) -> None:
    change, said = FORGED_MANIFEST[name]
    written(folder, change)
    found = verifying.verify(folder)
    assert any(said in each for each in found), found


def test_a_manifest_that_is_gone_is_told(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert "manifest.json: there is none" in verifying.verify(folder)[0]


def test_a_page_that_was_changed_is_told_and_none_is_not(folder: Path) -> None:
    page = folder / comparisons.REPORT
    page.write_text("<p>Another.</p>")
    assert verifying.verify(folder) == [
        f"{page}: its sha256 is not the one in manifest.json; it was changed since"]  # fmt: skip
    comparisons.keep_report(folder, "<p>A third.</p>")
    assert verifying.verify(folder) == []
    page.unlink()
    assert verifying.verify(folder) == []


def test_a_run_is_sound_after_every_session(sound: Path, tmp_path: Path) -> None:
    """Other plans in the same folder, and back; the same plan has the same digest again."""
    folder = tmp_path / "run"
    first = planned()
    half = dataclasses.replace(first, trials=first.trials[::2])
    for made in (half, first, planned(alpha=0.9), planned(scorers=["contains"]), first):
        run(folder, made)
        assert verifying.verify(folder) == []
        comparisons.keep_report(folder, "<p>A page.</p>")
    assert verifying.digest(folder) == verifying.digest(sound)


def test_a_session_that_did_nothing_leaves_the_manifest_alone(folder: Path) -> None:
    path = folder / MANIFEST
    run(folder, planned())  # begun in another place, as this is a copy
    assert verifying.verify(folder) == [] and json.loads(path.read_text())["report"]
    before = path.stat().st_ino
    run(folder, planned(), record=str(folder.parent / "rec"))
    assert path.stat().st_ino == before and verifying.verify(folder) == []


def test_a_stopped_run_is_sound_as_far_as_it_went(tmp_path: Path) -> None:
    paid = {"one": "fake/model", "two": "fake/model"}
    made = made_plans.plan_of(paid, limits=plan.Limits(max_calls=3))
    model = made_plans.Counted()
    end = coordinator.run(made, tmp_path, coordinator.Options(workers=0, open_gateway=model.open))
    assert end.state == "stopped" and end.done < len(made.trials)
    assert verifying.verify(tmp_path) == [] and verifying.digest(tmp_path)


def test_a_replay_and_any_number_of_workers_have_the_digest_of_the_run(tmp_path: Path) -> None:
    paid = {"one": "fake/model", "two": "fake/model"}
    made, model = made_plans.plan_of(paid), made_plans.Counted()
    coordinator.run(made, tmp_path / "run", coordinator.Options(
        workers=0, open_gateway=model.open, record=tmp_path / "rec"))  # fmt: skip
    coordinator.run(made, tmp_path / "again", coordinator.Options(
        workers=2, open_gateway=made_plans.unreachable, replay=tmp_path / "rec"))  # fmt: skip
    assert verifying.verify(tmp_path / "run") == verifying.verify(tmp_path / "again") == []
    first, second = (json.loads((tmp_path / name / MANIFEST).read_text())["sections"]
                     for name in ("run", "again"))  # fmt: skip
    assert {name for name in first if first[name] != second[name]} <= {"times"}
    assert verifying.digest(tmp_path / "run") == verifying.digest(tmp_path / "again")


def test_the_digest_is_shown_where_a_run_is_told_of(folder: Path) -> None:
    rows, shown = comparisons.read(folder)
    assert rows.manifest["digest"] == verifying.digest(folder)
    digest = verifying.digest(folder)
    assert len(digest) == 64 and digest in comparisons.page(folder, rows, shown, "none")
    assert f"Digest of this run: `{digest}`" in markdown.text(shown)
