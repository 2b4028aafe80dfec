"""Recordings of runs: repeated without a key to the byte, and checked against what was kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.suites import plan
from archgraph.suites.running import coordinator, ledger_schema, recordings, verifying
from tests.suites import made_plans

PAID = {"one": "fake/model", "two": "fake/model"}


def some_fail(number: int) -> Exception | None:
    return errors.GatewayError("the model is down") if number == 2 else None


def run(
    folder: Path, made: plan.RunPlan, workers: int = 0, **options: object
) -> coordinator.RunEnd:
    chosen = coordinator.Options(workers=workers, **options)  # type: ignore[arg-type]
    return coordinator.run(made, folder, chosen)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    model = made_plans.Counted(fail=some_fail)
    end = run(tmp_path / "run", made_plans.plan_of(PAID), open_gateway=model.open,
              record=tmp_path / "rec")  # fmt: skip
    assert end.failed == 1 and model.calls > 3
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_a_recording_repeats_a_run_without_its_model(recorded: Path, workers: int) -> None:
    end = run(recorded / "again", made_plans.plan_of(PAID), workers,
              open_gateway=made_plans.unreachable, replay=recorded / "rec")  # fmt: skip
    assert (end.state, end.failed, end.broken, end.notes) == ("complete", 1, 0, ())
    assert made_plans.table(recorded / "again") == made_plans.table(recorded / "run")
    assert any(row.metrics["paid"] for row in made_plans.rows_of(recorded / "again"))


def test_equal_runs_write_equal_recordings(recorded: Path) -> None:
    run(recorded / "again", made_plans.plan_of(PAID), 2, open_gateway=made_plans.unreachable,
        replay=recorded / "rec", record=recorded / "rec2")  # fmt: skip
    for name in (recordings.RECORDING, recordings.MANIFEST):
        assert (recorded / "rec" / name).read_bytes() == (recorded / "rec2" / name).read_bytes()


def test_rows_of_a_recording_can_be_replayed_by_a_single_agent(recorded: Path) -> None:
    from archgraph.llm import recording

    recording.Replay(recorded / "rec" / recordings.RECORDING)  # the same form


def test_what_was_never_recorded_breaks_its_trial_and_names_the_nearest(recorded: Path) -> None:
    larger = made_plans.plan_of(PAID, talks=3)
    end = run(recorded / "again", larger, open_gateway=made_plans.unreachable,
              replay=recorded / "rec")  # fmt: skip
    assert end.state == "complete" and end.broken == 6
    broken = [row for row in made_plans.rows_of(recorded / "again") if row.status == "broken"]
    assert {row.cluster for row in broken} == {"talk2"}
    assert "no such request was recorded; nearest is line" in broken[0].reason
    assert "the table differs" in end.notes[0]
    seeds = made_plans.plan_of(PAID, seeds=(5,))
    end = run(recorded / "seeds", seeds, open_gateway=made_plans.unreachable,
              replay=recorded / "rec")  # fmt: skip
    assert end.broken == 12


def test_a_recording_that_was_changed_is_refused(recorded: Path) -> None:
    path = recorded / "rec" / recordings.RECORDING
    path.write_bytes(path.read_bytes().replace(b"amber", b"brown"))
    with pytest.raises(errors.InputError, match="changed since"):
        recordings.Recorded(recorded / "rec")
    path.write_bytes(b"{}\n")
    with pytest.raises(errors.InputError, match=r"recording\.jsonl:1: not a row"):
        recordings.Recorded(recorded / "rec")
    with pytest.raises(errors.InputError, match="no recording in"):
        recordings.Recorded(recorded / "nowhere")


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    secret = "sk-not-to-be-written-anywhere"
    model = made_plans.Counted()
    arm = made_plans.plan_of(PAID)
    graph = arm.arms[0].plan
    threads = {name: dataclasses.replace(each, options={"api_key": secret, "temperature": 1})
               for name, each in graph.threads.items()}  # fmt: skip
    arms = tuple(dataclasses.replace(each, plan=dataclasses.replace(graph, threads=threads))
                 for each in arm.arms)  # fmt: skip
    made = dataclasses.replace(arm, arms=arms)
    run(tmp_path / "run", made, open_gateway=model.open, record=tmp_path / "rec")
    assert any(options.get("api_key") == secret for _, options in model.opened)  # it was used
    for path in [*(tmp_path / "run").iterdir(), *(tmp_path / "rec").iterdir()]:
        assert secret.encode() not in path.read_bytes(), path
    text = (tmp_path / "rec" / recordings.RECORDING).read_text()
    assert '"temperature": 1' in text and "api_key" not in text


def test_a_sound_run_is_verified(recorded: Path) -> None:
    assert verifying.verify(recorded / "run") == []
    told = json.loads((recorded / "run" / recordings.MANIFEST).read_text())
    assert told["suite"] == {"suite": "made"} and told["table"]["rows"] == 12


@pytest.mark.parametrize(("sql", "said"), [
    ("UPDATE trial SET status = 'done', reason = '' WHERE status = 'failed'", "status is 'done'"),
    ("UPDATE trial SET numbers = zeroblob(length(numbers)) WHERE place = 0", "derived"),
    ("UPDATE trial SET numbers = CAST(zeroblob(8) || substr(numbers, 9) AS BLOB) "
     "WHERE place = 0",
     "prompt_tokens is 0, derived"),
    ("UPDATE trial SET shares = CAST(zeroblob(8) || substr(shares, 9) AS BLOB) WHERE place = 0",
     "threads took {"),
    ("UPDATE trial SET shares = CAST(substr(shares, 1, length(shares) - 8) || zeroblob(8) AS BLOB) "
     "WHERE place = 0", "stores took {"),
    ("UPDATE detail SET body = (SELECT body FROM detail WHERE trial = (SELECT n FROM trial "
     "WHERE status = 'failed'))", "derived"),
    ("UPDATE detail SET body = x'00' WHERE trial = 1", "cannot be read"),
    ("UPDATE trial SET \"case\" = 'another' WHERE place = 0", "sha256 is not that of the rows"),
])  # fmt: skip
def test_whatever_is_changed_afterwards_is_found(recorded: Path, sql: str, said: str) -> None:
    connection, lock = ledger_schema.create(recorded / "run")
    connection.execute(sql)
    connection.close()
    lock.release()
    found = verifying.verify(recorded / "run")
    assert found and any(said in each for each in found), found


def test_a_changed_manifest_is_found(recorded: Path) -> None:
    path = recorded / "run" / recordings.MANIFEST
    told = json.loads(path.read_text())
    told["table"]["sha256"] = "0" * 64
    path.write_text(json.dumps(told))
    assert verifying.verify(recorded / "run") == [
        f"{path}: the table's sha256 is not that of the rows"]  # fmt: skip
    with pytest.raises(errors.InputError, match="there is no run"):
        verifying.verify(recorded / "nowhere")


def test_a_run_may_be_recorded_into_its_own_folder(tmp_path: Path) -> None:
    model = made_plans.Counted()
    made = made_plans.plan_of(PAID)
    run(tmp_path, made, open_gateway=model.open, record=tmp_path)
    assert verifying.verify(tmp_path) == []
    run(tmp_path, made, open_gateway=made_plans.unreachable)
    recording = tmp_path / recordings.RECORDING
    recording.write_bytes(recording.read_bytes()[:-2])
    assert "was changed since" in verifying.verify(tmp_path)[0]
