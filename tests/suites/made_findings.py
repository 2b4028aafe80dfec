"""Findings and outcomes made by hand, for the tests of reports: consistent, seeded, no model.

`study()` looks like a real run of six arms on two datasets. `nasty()` holds what breaks reports:
no intervals, long names, other scripts, HTML in every text. `large()` is as big as runs get.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from archgraph import clock
from archgraph.suites import findings as found
from archgraph.suites import record, results

ARMS = ("memgpt", "conscious_subconscious", "text_rag", "fixed_window", "full_context", "no_memory")
_SKILL = {
    "memgpt": (0.98, 0.0), "conscious_subconscious": (0.96, 0.01), "text_rag": (0.95, 0.2),
    "fixed_window": (0.9, 0.32), "full_context": (0.97, 0.25), "no_memory": (0.0, 0.0),
}  # fmt: skip
_TOKENS = {"memgpt": 5200, "conscious_subconscious": 6900, "text_rag": 1900, "fixed_window": 1400,
           "full_context": 8100, "no_memory": 210}  # fmt: skip
BAD_TEXT = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>&amp;"


def wilson(right: float, n: int) -> found.Interval:
    """Wilson's interval, so that the made numbers are believable."""
    if n == 0:
        return found.Interval(math.nan, math.nan, math.nan, 0.95, "wilson")
    p, z = right / n, 1.96
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    far = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return found.Interval(p, max(0.0, middle - far), min(1.0, middle + far), 0.95, "wilson")


def digest(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:24]


def rows(arms: Iterable[str] = ARMS, datasets: Iterable[str] = ("nested_kv", "persona_chat"),
         conversations: int = 30, groups: int = 5) -> list[results.Row]:  # fmt: skip
    """Trials: each conversation asks one question in each group."""
    made = []
    for dataset in datasets:
        for arm in arms:
            for conversation in range(conversations):
                for group in range(groups):
                    made.append(_row(arm, dataset, conversation, group))
    return made


def _row(arm: str, dataset: str, conversation: int, group: int) -> results.Row:
    case = f"{dataset}/{conversation}/{group}"
    dice = clock.derive_random(7, arm, case)
    top, slope = _SKILL.get(arm, (0.8, 0.1))
    right = dice.random() < max(0.0, top - slope * group)
    status = "done" if right or dice.random() < 0.9 else dice.choice(["failed", "cut", "broken"])
    tokens = _TOKENS.get(arm, 3000) * (1 + group * (0.3 if arm == "memgpt" else 0))
    gold = group + 1
    reached = gold if right else dice.randrange(gold)
    losses: dict[str, int] = {record.REACHED: reached} if reached else {}
    for _ in range(gold - reached):
        fate = dice.choice(record.LOSSES)
        losses[fate] = losses.get(fate, 0) + 1
    return results.Row(
        digest(arm, case), arm, dataset, case, f"{dataset}/{conversation}", str(group), 0, 0, 0,
        status, "" if status == "done" else f"the model said nothing in {status}",
        {"exact": float(right), "f1": 0.2 + 0.8 * right, "evidence_recall": reached / gold},
        {"prompt_tokens": tokens * dice.uniform(0.9, 1.1), "completion_tokens": 40 + 10 * group,
         "calls": 1 + group * (arm == "memgpt"), "steps": 1 + group, "prefix": 0.4, "cost": 0.0,
         "searches": group, "store_bytes": 20000, "window_tokens": tokens},
        losses,
        {"queue": 1.0, "render": 2.5, "embed": 4.0, "search": 1.5, "model": 30 * dice.random(),
         "tools": 1.0, "commit": 0.6},
    )  # fmt: skip


def study(made: list[results.Row] | None = None, arms: Iterable[str] = ARMS) -> found.Findings:
    """Findings over rows."""
    arms = list(arms)
    trials = rows(arms) if made is None else made
    datasets = list(dict.fromkeys(r.dataset for r in trials))
    groups = list(dict.fromkeys(r.category for r in trials))
    by_arm = [(a, d, [r for r in trials if (r.arm, r.dataset) == (a, d)])
              for d in datasets for a in arms]  # fmt: skip
    cells = [cell(a, d, s, there) for a, d, there in by_arm
             for s in ("exact", "f1", "evidence_recall")]  # fmt: skip
    cells += [cell(a, d, "exact", [r for r in there if r.category == g],
                   "depth" if d == "nested_kv" else "category", g)
              for a, d, there in by_arm for g in groups]  # fmt: skip
    base = "fixed_window" if "fixed_window" in arms else arms[0]
    return found.Findings(
        name="memgpt-vs-windows",
        question="Does a model that pages its own memory answer questions that need several "
        "lookups better than one that sees a window?",
        notes=["The model is the offline policy: a ranking of architectures is a check of "
               "plumbing, not a finding.", "nested_kv is generated: no split was held out."],
        arms={a: {"architecture": a, "overrides": [], "model": "offline/extractive",
                  "factors": {}, "of": "", "ablated": "", "warnings": []} for a in arms},
        datasets={d: {"type": d, "split": "generated", "licence": "", "mode": "observe",
                      "provenance": {}} for d in datasets},
        scorers={"exact": {"type": "exact", "binary": True, "judged": False, "wrong": 0.0},
                 "f1": {"type": "f1", "binary": False, "judged": False, "wrong": 0.0},
                 "evidence_recall": {"type": "evidence_recall", "binary": False,
                                     "judged": False, "wrong": None}},
        primary={d: "exact" for d in datasets}, baseline=base, alpha=0.05, margin=0.05,
        cells=cells,
        differences=[difference(a, base, d, by_arm) for d in datasets for a in arms if a != base],
        variances=[found.Variance(a, datasets[0], "exact",
                                  {"case": 0.71, "ingest": 0.21, "answer": 0.08}) for a in arms],
        losses=[loss(a, d, there) for a, d, there in by_arm],
        costs=[cost(a, d, there) for a, d, there in by_arm],
        ablations=[found.Ablation(node, ablated(node, arms[0], datasets[0], shift)) for node, shift
                   in (("archival", -0.62), ("recall", -0.31), ("summary", 0.01))],
        failures=[{"trial": r.trial, "arm": r.arm, "dataset": r.dataset, "case": r.case,
                   "status": r.status, "reason": r.reason} for r in trials if r.status != "done"],
        confounds=["fixed_window and memgpt differ in prompt size (812 and 1,940 tokens)"],
        planned=len(trials) + 2, present=len(trials),
        manifest={"archgraph": "0.1.0", "python": "3.11.7", "seed": 0, "suite": digest("suite"),
                  "data": {d: digest(d) for d in datasets},
                  "arms": {a: digest(a) for a in arms}, "command": "archgraph run suite.yaml"},
        drawings={a: drawing(a) for a in arms},
    )  # fmt: skip


def cell(arm: str, dataset: str, scorer: str, there: list[results.Row], axis: str = "all",
         group: str = "") -> found.Cell:  # fmt: skip
    values = [r.scores[scorer] or 0.0 for r in there]
    bad = {s: sum(r.status == s for r in there) for s in ("failed", "cut", "broken")}
    return found.Cell(arm, dataset, scorer, wilson(sum(values), len(values)), len(there),
                      len({r.cluster for r in there}), len(there), bad, axis, group)  # fmt: skip


def difference(arm: str, base: str, dataset: str,
               by_arm: list[tuple[str, str, list[results.Row]]]) -> found.Difference:  # fmt: skip
    mine, other = (
        {r.case: r.scores["exact"] or 0.0 for a, d, there in by_arm
         if (a, d) == (name, dataset) for r in there}
        for name in (arm, base)
    )  # fmt: skip
    wins = sum(mine[c] > other[c] for c in mine)
    losses = sum(mine[c] < other[c] for c in mine)
    value = (wins - losses) / len(mine)
    far = 1.96 * math.sqrt(max(wins + losses, 1)) / len(mine)
    low, high = value - far, value + far
    verdict = found.A_BETTER if low > 0 else found.B_BETTER if high < 0 else found.INCONCLUSIVE
    p = 0.0001 if verdict != found.INCONCLUSIVE else 0.4
    return found.Difference(
        arm, base, dataset, "exact", found.Interval(value, low, high, 0.95, "paired bootstrap"),
        p, min(1.0, 5 * p), "exact McNemar", len(mine), 30, wins, losses, verdict, 0, 0.07,
        f"{arm} is {verdict} {'than' if verdict != found.INCONCLUSIVE else 'beside'} {base} on "
        f"{dataset} by {100 * value:+.1f} points.",
    )  # fmt: skip


def ablated(node: str, arm: str, dataset: str, shift: float) -> found.Difference:
    verdict = found.B_BETTER if shift < -0.05 else found.INCONCLUSIVE
    return found.Difference(
        f"{arm} without {node}", arm, dataset, "exact",
        found.Interval(shift, shift - 0.07, shift + 0.07, 0.95, "paired bootstrap"), 0.01, 0.03,
        "exact McNemar", 150, 30, 3, 40, verdict, 0, 0.07, f"Without {node}: {verdict}.",
    )  # fmt: skip


def loss(arm: str, dataset: str, there: list[results.Row]) -> found.Loss:
    fates: dict[str, int] = {}
    for row in there:
        for fate, n in row.losses.items():
            fates[fate] = fates.get(fate, 0) + n
    return found.Loss(arm, dataset, sum(fates.values()), fates)


def cost(arm: str, dataset: str, there: list[results.Row]) -> found.Cost:
    names = list(there[0].metrics)
    means = {n: sum(r.metrics[n] for r in there) / len(there) for n in names}
    times = {p: (there[0].times[p], 3 * there[0].times[p]) for p in there[0].times}
    spent = {n: means.get(n, 0.0) for n in results.SPENT}
    threads = {"main": spent}
    if arm == "conscious_subconscious":
        threads = {"conscious": {n: v / 4 for n, v in spent.items()},
                   "subconscious": {n: 3 * v / 4 for n, v in spent.items()}}  # fmt: skip
    stores = {} if arm == "no_memory" else {"recall": 300.0 + 10 * len(arm), "core": 44.5}
    ingest, best = {"prompt_tokens": 12000.0, "calls": 30.0}, ("memgpt", "no_memory", "text_rag")
    return found.Cost(arm, dataset, len(there), means, ingest, times, arm in best, threads, stores)


def drawing(name: str) -> str:
    """A picture with ids that clash with those of every other picture."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="ag-svg" role="img" '
        'aria-labelledby="ag-title" viewBox="0 0 120 60" width="120" height="60">'
        f'<title id="ag-title">{name}</title><style>.ag-line{{stroke:currentColor}}</style>'
        '<defs><marker id="ag-tip" viewBox="0 0 8 8"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>'
        '<path class="ag-line" d="M10,30 H110" marker-end="url(#ag-tip)"/></svg>'
    )


def run(findings: found.Findings, trials: list[results.Row]) -> results.Results:
    """The rows of findings as results."""
    return results.Results(
        name=findings.name, suite={"suite": findings.name}, manifest=findings.manifest,
        arms=findings.arms, datasets=findings.datasets,
        scorers={n: {**s, "primary_of": [d for d, p in findings.primary.items() if p == n]}
                 for n, s in findings.scorers.items()},
        rows=trials, ingests=[], planned=findings.planned, drawings=findings.drawings,
    )  # fmt: skip


def details(trials: Iterable[results.Row], steps: int = 3, extra: str = "",
            turns: int = 12) -> Callable[[str], Mapping[str, Any]]:  # fmt: skip
    """What the ledger would tell of each trial: an outcome in plain form, with its case."""
    by_id = {row.trial: row for row in trials}

    def told(trial: str) -> Mapping[str, Any]:
        row = by_id[trial]
        dice = clock.derive_random(3, row.case, "texts")
        gold = f"The key {dice.getrandbits(64):016x} opens {dice.getrandbits(64):016x}."
        history = [
            {"role": "user", "content": f"Turn {n} of {row.cluster}: {gold if n == 4 else ''} we "
             f"spoke of {dice.getrandbits(40):x} and {extra}"}
            for n in range(turns)
        ]  # fmt: skip
        made = [_step(row, n, history, gold) for n in range(steps)]
        outcome = record.Outcome(
            case=None,  # type: ignore[arg-type]
            reply=f"It opens {gold[-17:-1]} {extra}", status=row.status,
            reason=row.reason, steps=tuple(made), searches=(("i4", "i2"),), window=("i4",),
            gold=(record.Gold("i4", record.REACHED if row.scores["exact"] else "not retrieved",
                              f"last seen in recall {extra}"),),
            spent=record.Spent(100, 20, 0, steps), times=row.times,
        )  # fmt: skip
        case = {"id": row.case, "cluster": row.cluster, "question": f"What does it open? {extra}",
                "answers": [gold[-17:-1]], "evidence": ["i4"], "category": row.category,
                "history": [{"id": "i4", "text": gold, "role": "user"}]}  # fmt: skip
        return {**record.plain(outcome), "case": case}

    return told


def _step(row: results.Row, n: int, history: list[dict[str, Any]], gold: str) -> record.Step:
    messages = [{"role": "system", "content": f"You are {row.arm}. Answer from memory."}, *history]
    for back in range(n):
        messages.append({"role": "assistant", "content": "", "tool_calls": [
            {"id": f"c{back}", "type": "function", "function":
             {"name": "conversation_search", "arguments": f'{{"query": "{back}"}}'}}]})  # fmt: skip
        told = f"result {back} for {row.arm}: {gold if back else ''}"
        messages.append({"role": "tool", "tool_call_id": f"c{back}", "content": told})
    call = record.Called("conversation_search", "search", ("recall",), f'{{"query": "key {n}"}}',
                         True, f"result {n}")  # fmt: skip
    return record.Step(
        "main", "step", 1_700_000_000.0 + n, "offline/extractive", "ok", "", tuple(messages),
        ("conversation_search", "send_message"), {"role": "assistant", "content": f"step {n}"},
        (call,), 900 + 60 * n, 20, 100, None, 900 + 60 * n, 0.4, {"model": 12.0, "render": 1.0},
    )  # fmt: skip


def long_details(trials: Iterable[results.Row], turns: int) -> Callable[[str], Mapping[str, Any]]:
    """Trials of many steps: the user's turns are a conversation's, each reply is a trial's own."""
    by_id = {row.trial: row for row in trials}

    def words(dice: Any, count: int) -> str:
        return " ".join(dice.choice(_WORDS) for _ in range(count))

    def told(trial: str) -> Mapping[str, Any]:
        row = by_id[trial]
        theirs, own = clock.derive_random(1, row.cluster, 0), clock.derive_random(1, trial, 0)
        messages: list[dict[str, Any]] = []
        steps = []
        for turn in range(turns):
            messages.append({"role": "user", "content": words(theirs, 15)})
            system = {"role": "system", "content": f"{_SYSTEM} {turn} messages are in recall."}
            reply = words(own, 7)
            steps.append({
                "thread": "main", "kind": "step", "at": 1.7e9 + turn, "model": "offline/extractive",
                "status": "ok", "reason": "", "messages": [system, *messages[-40:]],
                "tools": ["send_message"], "reply": {"content": reply}, "calls": [],
                "prompt_tokens": 900 + turn, "completion_tokens": 12, "cached_tokens": 0,
                "cost": None, "window_tokens": 900 + turn, "prefix": 0.4,
                "times": {"model": 30 * own.random(), "render": own.random()},
            })  # fmt: skip
            messages.append({"role": "assistant", "content": reply})
        case = {"id": row.case, "cluster": row.cluster, "question": messages[8]["content"],
                "answers": [messages[4]["content"][:12]], "evidence": ["i4"]}  # fmt: skip
        return {"steps": steps, "reply": reply, "gold": [], "case": case}

    return told


_SYSTEM = "You are Sam, an assistant that remembers. What you know of the user stands below. " * 12
_WORDS = [f"{a}{b}" for a in ("ta", "me", "ri", "so", "nu", "le", "ka", "vi", "or", "en", "du")
          for b in ("r", "lin", "ders", "mo", "st", "gan", "pel", "tion", "x", "ber")]  # fmt: skip


def nasty() -> found.Findings:
    """What breaks reports."""
    odd = ["x" * 70, "naïve 記憶 模型 with wide letters", BAD_TEXT, "a|b_c%d$e#f{g}~h^i\\j"]
    trials = [r._replace(category=BAD_TEXT if i % 2 else "1")
              for i, r in enumerate(rows(odd, ("nested_kv",), 8, 1))]  # fmt: skip
    made = study(trials, odd)
    nan = found.Interval(math.nan, math.nan, math.nan)
    none = found.Interval(0.5, math.nan, math.nan)
    cells = [dataclasses.replace(c, score=(nan if i % 3 == 0 else none))
             for i, c in enumerate(made.cells)]  # fmt: skip
    return dataclasses.replace(
        made, name=BAD_TEXT, question=BAD_TEXT, notes=[BAD_TEXT, "line\nbreak\tand \x1b[31mcolour"],
        cells=cells, differences=[dataclasses.replace(d, difference=none, p=math.nan,
        adjusted=math.nan, sentence=BAD_TEXT) for d in made.differences],
        failures=[{"trial": "t", "arm": BAD_TEXT, "dataset": "d", "case": BAD_TEXT,
                   "status": "broken", "reason": BAD_TEXT}], confounds=[BAD_TEXT],
        manifest={BAD_TEXT: BAD_TEXT}, drawings={},
    )  # fmt: skip


def empty() -> found.Findings:
    """A run in which nothing was done yet."""
    return found.Findings("empty", "", [], {}, {}, {}, {}, "", 0.05, 0.05, [], [], [], [], [], [],
                          [], [], 10, 0, {}, {})  # fmt: skip
