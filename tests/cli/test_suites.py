"""run, report, compare, why, search and new suite: as somebody at a shell meets them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from archgraph import errors
from tests.cli import commands

TINY = ("--dataset", "nested_kv:depths=[0,1],orderings=3,pairs=20")
ARMS = ("memgpt", "fixed_window", "no_memory")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three arms, done once for all tests that only look at it."""
    place = tmp_path_factory.mktemp("runs") / "tiny"
    commands.invoke("run", *ARMS, *TINY, "--out", str(place), "--workers", "0", "-q")
    return place


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# run


def test_the_table_is_all_that_goes_to_standard_output(here: Path) -> None:
    told = commands.invoke("run", *ARMS, *TINY, "--workers", "0", "--out", "r")
    assert told.stdout.startswith("memgpt-fixed_window-no_memory\n")
    assert "18 trials" in told.stderr and "report: r/report.html" in told.stderr
    assert "report:" not in told.stdout
    again = commands.invoke("run", *ARMS, *TINY, "--workers", "0", "--out", "r")
    assert again.stdout == told.stdout


def test_a_run_says_how_it_did_and_leaves_a_page(folder: Path) -> None:
    rows = {row["case"]: row for row in trials(folder) if row["arm"] == "memgpt"}
    assert len(rows) == 6 and {row["status"] for row in rows.values()} == {"done"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "memgpt" in page


def test_a_dry_run_shows_the_plan_and_runs_nothing(here: Path) -> None:
    told = commands.invoke("run", *ARMS, *TINY, "--dry-run").stdout
    assert "3 arms on 1 dataset" in told and "18 trials" in told
    assert "confound" in told and "detect" in told and "cost      none" in told
    assert list(here.iterdir()) == []


def test_what_is_wrong_is_told_at_once_and_nothing_is_left(here: Path) -> None:
    told = commands.invoke(
        "run", "memgptt", "no_memory", "--dataset", "nestd_kv", "--scorer", "exakt", code=1
    )
    for word in ('did you mean "memgpt"?', 'did you mean "nested_kv"?', 'did you mean "exact"?'):
        assert word in told.stderr
    assert told.stdout == "" and list(here.iterdir()) == []


def test_nothing_named_is_wrong_usage(here: Path) -> None:
    assert "--dataset" in commands.invoke("run", code=2).stderr


def test_a_run_that_was_killed_goes_on_to_the_same_table(folder: Path, here: Path) -> None:
    whole = commands.invoke("report", str(folder)).stdout
    with commands.running("run", *ARMS, *TINY, "--out", "r", "--workers", "1", folder=here) as run:
        assert run.stderr is not None
        for line in run.stderr:  # the first trials are in
            if re.match(r"\d+/18 trials", line):
                break
        run.kill()
        run.wait()
    told = commands.invoke("run", "--resume", "r", "--workers", "0", "-q").stdout
    assert told == whole


def test_a_run_is_verified_and_a_forged_score_is_found(here: Path) -> None:
    commands.invoke("run", *ARMS[1:], *TINY, "--out", "r", "--workers", "0", "-q")
    said = commands.invoke("run", "--verify", "r").stdout
    assert "every score follows" in said
    digest = said.split("digest of this run: ")[1].strip()
    assert (
        digest in Path("r/manifest.json").read_text()
        and digest in Path("r/report.html").read_text()
    )
    commands.invoke("report", "r", "--format", "html", "--details", "none", "-o", "r/report.html")
    commands.invoke("run", "--verify", "r")  # a page that was written since is no forgery
    from archgraph.storage import driver

    connection = driver.driver().module.connect("r/run.db")
    connection.execute("UPDATE trial SET status = 'failed' WHERE rowid = 1")
    connection.commit()
    connection.close()
    told = commands.invoke("run", "--verify", "r", code=1)
    assert " not agree" in told.stderr and "failed" in told.stdout


def test_a_scorer_that_fails_counts_as_wrong_and_stops_nothing(here: Path) -> None:
    Path("bad.py").write_text(
        "from archgraph.suites.scoring import base\n\n\n"
        "class Bad(base.Scorer):\n"
        '    """Never works."""\n\n'
        "    def score(self, outcome, ask):\n"
        "        raise RuntimeError('no such luck')\n",
        encoding="utf-8",
    )
    told = commands.invoke(
        "run", *ARMS[1:], *TINY, "--scorer", "bad.py:Bad", "--workers", "0", "-q", "--out", "r",
        code=3,
    )  # fmt: skip
    rows = trials(Path("r"))
    assert {row["score Bad"] for row in rows} == {"0.0"}
    assert "Traceback" not in told.stderr


# report


def trials(folder: Path) -> list[dict[str, str]]:
    text = commands.invoke("report", str(folder), "--format", "trials").stdout
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("text", "contains"), ("md", "| memgpt |"), ("csv", "memgpt"), ("trials", "memgpt"),
        ("latex", r"\toprule"), ("html", "<!doctype html>"), ("differences", "mcnemar"),
        ("costs", "thread,main,prompt_tokens"),
    ],
)  # fmt: skip
def test_a_run_is_told_in_every_format(folder: Path, form: str, word: str) -> None:
    assert word in commands.invoke("report", str(folder), "--format", form).stdout


def test_whoever_asks_is_told_where_the_tokens_go(folder: Path) -> None:
    assert "where the tokens go" not in commands.invoke("report", str(folder)).stdout
    told = commands.invoke("report", str(folder), "--tokens").stdout
    assert "by thread" in told and "by store" in told


def test_a_page_may_hold_some_trials(folder: Path) -> None:
    told = commands.invoke("report", str(folder), "--format", "html", "--details", "some").stdout
    assert "Only some trials of each cell keep their steps." in told


def test_json_holds_cells_and_differences(folder: Path) -> None:
    told = json.loads(commands.invoke("report", str(folder), "--format", "json").stdout)
    scores = {(c["arm"], c["scorer"], c["axis"]): c["score"]["value"] for c in told["cells"]}
    assert scores["memgpt", "contains", "all"] == 1.0
    assert scores["no_memory", "contains", "all"] == 0.0
    assert {d["arm"] for d in told["differences"]} == {"memgpt", "no_memory"}


def test_another_baseline_turns_the_comparison(folder: Path) -> None:
    told = commands.invoke("report", str(folder), "--baseline", "memgpt").stdout
    assert "difference to memgpt" in told
    wrong = commands.invoke("report", str(folder), "--baseline", "memgtp", code=1)
    assert 'did you mean "memgpt"?' in wrong.stderr


def test_two_runs_stand_side_by_side(folder: Path) -> None:
    told = commands.invoke("report", str(folder), str(folder)).stdout
    assert "memgpt" in told


def test_a_report_needs_a_run(here: Path) -> None:
    assert "archgraph run demo" in commands.invoke("report", code=1).stderr
    assert "is no run" in commands.invoke("report", "nothing", code=1).stderr


def test_a_report_is_written_to_a_file(folder: Path, here: Path) -> None:
    commands.invoke("report", str(folder), "--format", "md", "-o", "t.md")
    assert "| memgpt |" in Path("t.md").read_text(encoding="utf-8")
    told = commands.invoke("report", str(folder), "-o", "no/such/t.md", code=1)
    assert "cannot write no/such/t.md" in told.stderr


# why and compare


def test_why_names_what_a_trial_depends_on(folder: Path) -> None:
    case = trials(folder)[0]["case"]
    told = commands.invoke("why", f"memgpt/{case}", "--run", str(folder)).stdout
    assert case in told and "memgpt" in told
    wrong = commands.invoke("why", "memgpt/nothing", "--run", str(folder), code=1)
    assert "nothing" in wrong.stderr


def test_two_trials_are_followed_to_where_they_part(folder: Path) -> None:
    case = trials(folder)[0]["case"]
    pair = (f"memgpt/{case}", f"no_memory/{case}")
    told = commands.invoke("compare", *pair, "--run", str(folder)).stdout
    assert "memgpt" in told and "no_memory" in told
    assert commands.invoke_json("compare", *pair, "--run", str(folder))


def test_trials_of_different_cases_are_not_compared(folder: Path) -> None:
    one, other = sorted({row["case"] for row in trials(folder)})[:2]
    told = commands.invoke(
        "compare", f"memgpt/{one}", f"memgpt/{other}", "--run", str(folder), code=1
    )
    assert "compared on the same case" in told.stderr


# search and new suite


def test_a_search_tells_its_path_and_judges_the_winner_held_out(here: Path) -> None:
    told = commands.invoke(
        "search", "text_rag", "--dataset", "persona_chat:chats=4,sessions=4,questions_per_chat=3",
        "--set", "k=1", "--space", "k=1,10", "--evaluations", "2", "--workers", "0",
    )  # fmt: skip
    assert "tune" in told.stdout and "held out" in told.stdout
    assert "k=" in told.stderr


def test_a_search_of_two_architectures_is_refused(here: Path) -> None:
    told = commands.invoke("search", "memgpt", "text_rag", *TINY, "--space", "k=1,2", code=1)
    assert "of one architecture" in told.stderr


def test_a_new_suite_can_be_run_at_once(here: Path) -> None:
    told = commands.invoke("new", "suite", "mine", "--architecture", "no_memory")
    assert "wrote mine.yaml" in told.stdout
    plan = commands.invoke("run", "mine.yaml", "--dry-run").stdout
    assert plan.startswith("mine: 2 arms on 1 dataset")
    assert "is there already" in commands.invoke("new", "suite", "mine", code=1).stderr
    assert "cannot be a name" in commands.invoke("new", "suite", "a b", code=1).stderr


@pytest.mark.parametrize("kind", ["datasets", "scorers", "engines"])
def test_what_can_be_compared_is_listed(kind: str) -> None:
    rows = commands.invoke_json("list", kind)
    assert all(row["about"] and row["package"] == "archgraph" for row in rows)


def test_the_schema_of_suites_knows_datasets_and_scorers() -> None:
    schema = json.dumps(json.loads(commands.invoke("schema", "suite").stdout))
    assert "nested_kv" in schema and "evidence_recall" in schema


# What a cold reader stumbled over


def test_a_missing_suite_is_told_as_a_missing_file(here: Path) -> None:
    Path("lab.yaml").write_text("suite: lab\n", encoding="utf-8")
    told = commands.invoke("run", "lap.yaml", code=1)
    assert 'there is no file lap.yaml; did you mean "lab.yaml"?' in told.stderr


def test_a_run_goes_on_from_any_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"conversation": f"c{n}", "history": [f"The key {n} is red."],
             "question": f"What is key {n}?", "answer": "red"} for n in range(3)]  # fmt: skip
    lines = "\n".join(map(json.dumps, rows))
    Path("lab.jsonl").write_text(lines, encoding="utf-8")
    run = ("run", "no_memory", "--dataset", "jsonl:path=lab.jsonl", "--workers", "0", "-q")
    told = commands.invoke(*run, "--out", "r").stdout
    Path("elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    again = commands.invoke("run", "--resume", str(here / "r"), "--workers", "0", "-q").stdout
    assert again == told


def test_the_plan_tells_what_is_done_already(folder: Path) -> None:
    told = commands.invoke("run", *ARMS, *TINY, "--out", str(folder), "--dry-run").stdout
    assert "18 of 18 trials are in" in told and "0 are left" in told
    other = ("--dataset", "nested_kv:depths=[0],orderings=2,pairs=20")
    told = commands.invoke("run", "no_memory", *other, "--out", str(folder), "--dry-run").stdout
    assert re.search(r"also holds 1\d trials of other plans", told)


def test_where_every_trial_fails_the_exit_code_says_so(here: Path) -> None:
    run = ("run", "full_context", "--set", "context_window=600", "--out", "r", "--workers", "0")
    told = commands.invoke(*run, *TINY, code=3)
    assert "Every trial failed" in told.stderr and "--retry-failed" in told.stderr


def test_a_model_that_never_answers_stops_the_run(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archgraph.llm import gateways

    class Locked:
        """A provider that knows no such key."""

        calls = 0

        def complete(self, request: object) -> object:
            Locked.calls += 1
            raise errors.GatewayError("401: no such key")

    monkeypatch.setattr(gateways, "open_gateway", lambda model, options=None: Locked())
    from archgraph import comparisons
    from archgraph.suites.running import coordinator

    plan = comparisons.planned(comparisons.Asked(["no_memory"], TINY[1:], models=["openai/x"]))
    options = coordinator.Options(workers=0, open_gateway=gateways.open_gateway)
    end = comparisons.run(plan, Path("r"), options)
    assert (end.state, Locked.calls) == ("stopped", 3)
    assert "openai/x has not answered once: 401" in end.reason
    assert end.done < len(plan.trials)
