"""The page: one file, escaped, within its budget, and what it packs comes out again as it was."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from archgraph import errors
from archgraph.suites import record, results
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import spec
from archgraph.suites.reporting import page, page_html, page_pack, page_pool
from tests.suites import made_findings as made

ROWS = made.rows(conversations=6)
STUDY = made.study(ROWS)
PAGE = page.html(STUDY, made.run(STUDY, ROWS), made.details(ROWS))
VOID = {"meta", "input", "br", "img", "wbr", "link"}


class Seen(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


SEEN = Seen(PAGE)


class Unpacked:
    """Reads the blocks of a page as assets/page.js does."""

    def __init__(self, text: str) -> None:
        found = re.findall(r'id="block-\d+">([^<]*)</script>', text)
        self.blocks = [json.loads(zlib.decompress(base64.b64decode(each))) for each in found]
        self.index = self.blocks[0]
        texts, values = (len(self.index["blocks"][kind]) - 1 for kind in ("texts", "values"))
        self.texts = [t for block in self.blocks[1 : 1 + texts] for t in block]
        self.values: list[Any] = []
        for block in self.blocks[1 + texts : 1 + texts + values]:
            self.last = 0
            self.values += [self.full(value) for value in block]
        self.trials = [t for block in self.blocks[1 + texts + values :] for t in block]

    def full(self, value: Any) -> Any:
        if isinstance(value, dict) and "$" in value:
            self.last += value["$"]
            return self.texts[self.last]
        if isinstance(value, dict):
            return {key: self.full(each) for key, each in value.items()}
        return [self.full(each) for each in value] if isinstance(value, list) else value

    def steps(self, trial: str) -> list[dict[str, Any]]:
        told = self.trials[self.index["columns"]["at"][self.index["columns"]["id"].index(trial)]]
        fresh, olds = told["first"], [0, 0, 0, 0]

        def number(piece: Any, slot: int) -> int:
            nonlocal fresh
            if piece == 0:
                fresh += 1
                return int(fresh - 1)
            olds[slot] += piece[0]
            return olds[slot]

        made_, before = [], {}
        for n in range(told["count"]):
            step = {name: each[n] for name, each in told["steps"].items()}
            last, window = before.get(step["thread"], []), []
            for piece in step.pop("window"):
                copied = piece != 0 and len(piece) == 2
                window += last[piece[0] : sum(piece)] if copied else [number(piece, 3)]
            before[step["thread"]] = window
            parts = [self.values[number(part, i)] for i, part in enumerate(step.pop("parts"))]
            reply, calls, tools = parts
            messages = [self.values[i] for i in window]
            made_.append({**step, "messages": messages, "reply": reply, "calls": calls,
                          "tools": tools})  # fmt: skip
        return made_


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    assert SEEN.open == []
    for name in ("src", "srcset", "data", "action", "ping", "background"):
        assert SEEN.values(name) == []
    assert all(each.startswith("#") for each in SEEN.values("href"))
    assert "@import" not in PAGE and not re.search(r"url\((?!#)", PAGE)


def test_the_policy_allows_the_one_script_and_no_request() -> None:
    policy = next(attrs["content"] or "" for tag, attrs in SEEN.tags if "http-equiv" in attrs)
    allowed = base64.b64encode(hashlib.sha256(page.asset("page.js").encode()).digest()).decode()
    assert policy.startswith("default-src 'none';") and f"'sha256-{allowed}'" in policy
    assert "unsafe-eval" not in policy and "script-src 'unsafe-inline'" not in policy
    assert f"<script>{page.asset('page.js')}</script>" in PAGE
    assert not [name for _, attrs in SEEN.tags for name in attrs if name.startswith("on")]


def test_every_id_is_there_once_and_every_reference_leads_somewhere() -> None:
    ids = SEEN.values("id")
    assert len(ids) == len(set(ids))
    used = [
        each for name in ("aria-labelledby", "for") for v in SEEN.values(name) for each in v.split()
    ]
    used += re.findall(r"url\(#([^)]+)\)", PAGE)
    used += [each[1:] for each in SEEN.values("href") if not each.startswith("#/")]
    assert set(used) <= set(ids) and any("ag-tip" in each for each in used)


def test_tables_have_captions_and_headers_with_scope() -> None:
    count = sum(tag == "table" for tag, _ in SEEN.tags)
    assert count > 10 and sum(tag == "caption" for tag, _ in SEEN.tags) == count
    assert all("scope" in attrs for tag, attrs in SEEN.tags if tag == "th")
    plots = [attrs for tag, attrs in SEEN.tags if tag == "svg" and attrs.get("class") == "pl"]
    assert plots and all(attrs["role"] == "img" and attrs["aria-label"] for attrs in plots)


def test_a_doubting_reader_finds_what_is_needed() -> None:
    told = " ".join(" ".join(SEEN.words).split())
    for words in ("a check of plumbing", "of 362 planned", "2 are missing", "they count as wrong",
                  "split: generated", "30 cases in 6 conversations", "95% intervals (wilson)",
                  "exact McNemar", "Holm", "within 5.0 points", "differ in prompt"):  # fmt: skip
        assert words in told, words
    assert told.index("a check of plumbing") < told.index("What can be claimed")


def test_the_page_suffices_to_repeat_the_run() -> None:
    suite = {
        "suite": "mine", "architectures": ["memgpt"], "datasets": [{"nested_kv": {"depths": [0]}}],
        "about": "<b>&", "faults": {"rate": 0.3, "kinds": ["timeout"], "latency": 0.5},
        "budget": {"tokens_per_case": 900, "ingest_tokens": 50}, "max_calls": 7,
    }  # fmt: skip
    manifest = {**STUDY.manifest, "seeds": {"first": 3, "ingest": 2, "answer": 1, "judge": 1}}
    whole = dataclasses.replace(STUDY, suite=suite, manifest=manifest)
    told = page.html(whole, None)
    block = re.search(r"<details><summary>The suite[^<]*</summary><pre>(.*?)</pre>", told, re.S)
    assert block is not None
    again = yaml.safe_load(html.unescape(block[1]))
    assert again == suite
    assert spec.SuiteSpec.model_validate(again).faults is not None
    words = re.sub(r"<[^>]+>", " ", told)
    for part in ("archgraph run memgpt-vs-windows.yaml", "--replay FOLDER", "run --verify RUN",
                 "30 % of model calls go wrong on purpose, by seed: timeout; 0.5 s are added",
                 "a question is cut at 900 tokens; feeding a history is cut at 50 tokens",
                 "stops at 7 paid calls", "from 3 on: ingest x2, answer x1"):  # fmt: skip
        assert part in words, part


@pytest.mark.parametrize("findings", [made.nasty(), made.empty()])
def test_texts_of_a_run_stay_texts(findings: Any) -> None:
    rows = [row._replace(reason=made.BAD_TEXT, category=made.BAD_TEXT)
            for row in made.rows(list(findings.arms), ("nested_kv",), 3, 1)]  # fmt: skip
    told = page.html(findings, made.run(findings, rows), made.details(rows, extra=made.BAD_TEXT))
    seen = Seen(told)
    assert seen.open == [] and "img" not in {tag for tag, _ in seen.tags}
    assert sum(tag == "script" for tag, _ in seen.tags) == len(re.findall("octet-stream", told)) + 1
    assert "\x1b" not in told


def test_every_step_comes_out_as_it_went_in() -> None:
    there = Unpacked(PAGE)
    told = made.details(ROWS)
    for row in ROWS[::17]:
        steps = [dict(each) for each in told(row.trial)["steps"]]
        assert there.steps(row.trial) == json.loads(json.dumps(steps))


def test_blocks_can_be_opened_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pool, "_BLOCK", 1500)
    there = Unpacked(page.html(STUDY, made.run(STUDY, ROWS[:9]), made.details(ROWS)))
    assert all(len(starts) > 3 for starts in there.index["blocks"].values())
    for row in ROWS[:9]:
        steps = [dict(each) for each in made.details(ROWS)(row.trial)["steps"]]
        assert there.steps(row.trial) == json.loads(json.dumps(steps))


texts = st.text(max_size=30)
messages = st.fixed_dictionaries({"role": texts, "content": texts})


@given(st.lists(st.lists(st.lists(messages, max_size=6), max_size=5), min_size=1, max_size=3))
def test_any_windows_come_out_as_they_went_in(trials: list[list[list[dict[str, str]]]]) -> None:
    rows = [ROWS[n]._replace(trial=f"t{n}") for n in range(len(trials))]

    def told(trial: str) -> Mapping[str, Any]:
        windows = trials[int(trial[1:])]
        return {"steps": [{"thread": str(n % 2), "messages": window, "reply": {"content": "x" * 20},
                           "calls": window[:1], "tools": ["a"]}
                          for n, window in enumerate(windows)]}  # fmt: skip

    whole = page.html(STUDY, made.run(STUDY, rows), told)
    for row, windows in zip(rows, trials, strict=True):
        found = [step["messages"] for step in Unpacked(whole).steps(row.trial)]
        assert found == json.loads(json.dumps(windows))


def test_equal_texts_are_stored_once() -> None:
    there = Unpacked(PAGE)
    assert len(there.texts) == len(set(there.texts))
    keys = [json.dumps(value) for value in there.values]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("budget", [60_000, 150_000, 400_000])
def test_a_budget_is_kept_and_what_is_left_out_is_told(budget: int) -> None:
    told = page.html(STUDY, made.run(STUDY, ROWS), made.details(ROWS, steps=20), budget=budget)
    data = sum(len(each) for each in re.findall(r'id="block-\d+">([^<]*)<', told))
    kept = [at for at in Unpacked(told).index["columns"]["at"] if at >= 0]
    assert data <= budget and len(kept) < len(ROWS)
    assert f"There was no room for the steps of {len(ROWS) - len(kept)} trials" in told
    assert "There was no room" not in PAGE


def test_cases_on_which_arms_disagree_come_first_and_whole() -> None:
    same = [row._replace(scores={"exact": 1.0}) if row.category != "4" else row for row in ROWS]
    run = made.run(STUDY, same)
    packed = page_pack.pack(run, made.details(same, steps=20), "all", 50_000)
    assert 0 < packed.kept < packed.wanted == len(ROWS)
    index = json.loads(zlib.decompress(base64.b64decode(packed.blocks[0])))
    kept = [row for row, at in zip(same, index["columns"]["at"], strict=True) if at >= 0]
    by_case: dict[str, set[float | None]] = {}
    for row in same:
        by_case.setdefault(row.case, set()).add(row.scores["exact"])
    assert all(len(by_case[row.case]) > 1 for row in kept)


def test_only_what_is_asked_for_keeps_its_steps() -> None:
    run, told = made.run(STUDY, ROWS), made.details(ROWS)
    wrong = sum(row.scores["exact"] != 1 or row.status != "done" for row in ROWS)
    assert page_pack.pack(run, told, "wrong").kept == wrong
    assert page_pack.pack(run, told, "some").kept == 12 * 20
    assert page_pack.pack(run, told, "none").kept == page_pack.pack(run, None).kept == 0
    assert "No trial keeps its steps" in page.html(STUDY, run, told, which="none")


def test_a_trial_that_left_nothing_is_listed_without_steps() -> None:
    told = made.details(ROWS)

    def broken(trial: str) -> Mapping[str, Any]:
        if trial == ROWS[0].trial:
            raise errors.InputError("no such trial")
        return told(trial)

    packed = page_pack.pack(made.run(STUDY, ROWS), broken)
    assert (packed.rows, packed.kept) == (len(ROWS), len(ROWS) - 1)


def test_a_case_may_be_the_dataset_s_own() -> None:
    items = tuple(cases.Item(f"i{n}", f"item number {n} of the history") for n in range(50))
    case = cases.Case("c", "k", items, "Which?", ("this one",), ("i7",))
    outcome = record.Outcome(case, "it", "done", gold=(record.Gold("i9", "evicted"),))
    plain = {**record.plain(outcome), "case": case, "scores": {"exact": {"note": "not alike"}}}
    whole = page.html(STUDY, made.run(STUDY, ROWS[:1]), lambda trial: plain)
    there = Unpacked(whole)
    trial = there.trials[0]
    assert {name: there.values[n]["text"] for name, n in trial["items"].items()} == {
        "i7": items[7].text, "i9": items[9].text}  # fmt: skip
    assert there.values[trial["case"]]["question"] == "Which?" and trial["notes"] == {
        "exact": "not alike"}  # fmt: skip
    assert "history" not in there.values[trial["case"]]


def test_equal_findings_give_equal_bytes() -> None:
    again = page.html(made.study(made.rows(conversations=6)),
                      made.run(STUDY, made.rows(conversations=6)), made.details(ROWS))  # fmt: skip
    assert again == PAGE


def test_drawings_keep_their_markers_and_share_their_style() -> None:
    kept, left = page_html.drawings({name: made.drawing(name) for name in "abc"})
    whole = "".join(kept.values())
    assert left == 0 and whole.count("<style>") == 1
    ids = re.findall(r' id="([^"]+)"', whole)
    assert len(ids) == len(set(ids)) == 6
    assert set(re.findall(r"url\(#([^)]+)\)", whole)) <= set(ids)
    assert page_html.drawings({"a": "<svg/>" * 100}, room=100) == ({}, 1)


def test_links_lead_to_the_trials_behind_a_number() -> None:
    links = [each for each in SEEN.values("href") if each.startswith("#/")]
    assert "#/trials?arm=memgpt&dataset=nested_kv" in links
    assert any("status=" in each for each in links) and any("fate=" in each for each in links)
    assert "#/trials?arm=memgpt&dataset=nested_kv&category=3" in links


def test_a_thousand_cells_fit(benchmark_arms: int = 40) -> None:
    arms = [f"arm {i}" for i in range(benchmark_arms)]
    rows = made.rows(arms, ("nested_kv",), 2, 5)
    study = made.study(rows, arms)
    cells = [dataclasses.replace(c, axis="position", group=str(g)) for c in study.cells
             if c.axis == "all" and c.scorer == "exact" for g in range(25)]  # fmt: skip
    told = page.html(dataclasses.replace(study, cells=[*study.cells, *cells], drawings={}))
    assert len(told) < 2_000_000 and "12 of 40 arms" in told


def test_where_the_tokens_go_stands_in_the_cost_section() -> None:
    cost = PAGE[PAGE.index('<section id="costs"') :]
    cost = cost[: cost.index("</section>")]
    assert cost.count("Tokens that each store takes in the last window") == 2
    assert cost.count("where the tokens go, by thread") >= 2 and "subconscious" in cost
    assert "memgpt recall: 360" in cost and "memgpt core: 44.5" in cost


def test_many_stores_share_a_colour() -> None:
    stores = {f"store{n:02}": 100.0 - n for n in range(12)}
    costs = [dataclasses.replace(c, by_store=stores) for c in STUDY.costs]
    told = page.html(dataclasses.replace(STUDY, costs=costs))
    assert "memgpt store06: 94" in told and "memgpt store07:" not in told
    assert "memgpt other stores: 455" in told


def test_positions_are_joined_by_a_line_with_intervals() -> None:
    cells = [
        dataclasses.replace(c, axis="position", group=f"{20 * n}-{20 * n + 20} %")
        for c in STUDY.cells
        if c.axis == "all" and c.scorer == "exact"
        for n in range(5)
    ]
    told = page.html(dataclasses.replace(STUDY, cells=[*STUDY.cells, *cells]))
    drawn = [svg for svg in re.findall(r"<svg.*?</svg>", told, re.DOTALL)
             if "by place of the evidence in the history" in svg]  # fmt: skip
    assert len(drawn) == 4
    for svg in drawn:
        assert svg.count('class="line"') == 6 and svg.count('class="err"') >= 29
    assert "position=" not in told
    few = [c for c in cells if c.group != "20-40 %"]
    told = page.html(dataclasses.replace(STUDY, cells=[*STUDY.cells, *few]))
    drawn = [svg for svg in re.findall(r"<svg.*?</svg>", told, re.DOTALL)
             if "by place of the evidence in the history" in svg]  # fmt: skip
    assert all(">20-40 %<" in svg for svg in drawn)  # a place without cases keeps its room


def test_the_page_says_the_family_and_mcnemars_p() -> None:
    words = " ".join(" ".join(SEEN.words).split())
    assert "over the 8 comparisons on nested_kv; over the 5 comparisons on persona_chat" in words
    assert "McNemar p" not in words
    differences = [dataclasses.replace(d, test="sign flips", mcnemar=0.0123)
                   for d in STUDY.differences]  # fmt: skip
    told = page.html(dataclasses.replace(STUDY, differences=differences, family="run"))
    words = " ".join(" ".join(Seen(told).words).split())
    assert "over all 13 comparisons of the run; alpha" in words
    assert "McNemar p" in words and "0.012" in words


def test_two_runs_side_by_side() -> None:
    other = dataclasses.replace(STUDY, name="second", manifest={**STUDY.manifest, "seed": 9})
    told = page.compare(STUDY, other, (made.run(STUDY, ROWS), made.run(other, ROWS)))
    seen = Seen(told)
    words = " ".join(" ".join(seen.words).split())
    assert "manifest.seed" in words and "case by case" in words
    assert seen.open == [] and "script-src 'none'" in told


def test_numbers_are_told_so_that_they_can_be_copied_from_the_step_before() -> None:
    assert page_pack.copied([1, 2, 3, 4], [1, 3, 4, 9]) == [[0, 1], [2, 2], 9]
    assert page_pack.copied([], [5, 5]) == [5, 5]
    pool = page_pool.Pool(page_pool.Pool())
    assert [pool.add({"role": "a", "content": "x" * 30}) for _ in range(2)] == [0, 0]


def test_a_page_without_rows_says_so() -> None:
    told = page.html(STUDY)
    assert "The rows of the run are not in this page." in told and "<script" not in told


def test_results_without_a_primary_scorer_are_packed() -> None:
    run = dataclasses.replace(made.run(STUDY, ROWS), scorers={})
    assert isinstance(run, results.Results)
    assert page_pack.pack(run, made.details(ROWS)).kept == len(ROWS)
