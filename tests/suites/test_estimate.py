"""What a run may take: the intervals hold what runs took, and are narrow enough to be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from archgraph import clock
from archgraph.llm import litellm_gateway
from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import build, cells, estimate, extrapolating, spec
from archgraph.suites.planning.extrapolating import Range, Unit
from archgraph.suites.running import trial

WORK: list[Any] = [{"nested_kv": {"depths": [0, 1, 2], "orderings": 4, "pairs": 20}}]


def planned(architectures: Any = ("memgpt", "fixed_window"), **keys: Any) -> plans.RunPlan:
    made = spec.SuiteSpec.model_validate(
        {"suite": "test", "architectures": list(architectures), "datasets": WORK, **keys}
    )
    return build.plan(made)


class Real:
    """A pilot that does the cases, as a run does them."""

    def __init__(self) -> None:
        self.done = 0

    def ingest(self, arm: plans.Arm, conversation: cases.Conversation) -> record.Spent:
        with trial.ingest(trial.simple(arm.plan), conversation, 0) as found:
            return found.spent

    def __call__(
        self, arm: plans.Arm, conversation: cases.Conversation, case: cases.Case
    ) -> record.Spent:
        self.done += 1
        conditions = trial.simple(arm.plan)
        with trial.ingest(conditions, conversation, 0) as found:
            return trial.ask(conditions, found, case, 0).spent


class Fixed:
    """A pilot that knows the answer."""

    def __init__(self, asked: record.Spent, fed: record.Spent) -> None:
        self.asked, self.fed = asked, fed

    def ingest(self, arm: plans.Arm, conversation: cases.Conversation) -> record.Spent:
        return self.fed

    def __call__(self, *_: Any) -> record.Spent:
        return self.asked


# Arithmetic


def test_what_was_measured_everywhere_is_known() -> None:
    units = [Unit(1, "a", 3.0), Unit(1, "a", 4.0)]
    assert extrapolating.total(units) == Range(7, 7, 7)
    assert extrapolating.total([]) == Range(0, 0, 0)


def test_strata_count_by_their_number() -> None:
    units = [Unit(1, "a", 10), Unit(1, "a", 10), Unit(1, "b", 100), Unit(1, "b", 100)]
    units += [Unit(1, "a")] * 6 + [Unit(1, "b")] * 2
    found = extrapolating.total(units)
    assert found.value == 220 + 60 + 200
    assert found.low < found.value < found.high


def test_sizes_explain_an_arm_that_sends_everything() -> None:
    measured = [Unit(size, "x", 50 + 2.0 * size) for size in (100, 400, 700, 1000)]
    rest = [Unit(size, "x") for size in (200, 300, 900)]
    found = extrapolating.total([*measured, *rest])
    assert found.value == pytest.approx(sum(50 + 2 * u.size for u in [*measured, *rest]))
    assert found.high - found.low < 0.11 * found.value


def test_one_measured_case_says_little() -> None:
    found = extrapolating.total([Unit(1, "a", 10), Unit(1, "a"), Unit(1, "a")])
    assert (found.low, found.high) == (15, 90)


@pytest.mark.parametrize(("count", "wanted"), [(5, 12), (100, 12), (3, 1), (13, 12), (1, 1)])
def test_places_are_spaced_evenly(count: int, wanted: int) -> None:
    found = extrapolating.spaced(count, wanted)
    assert len(found) == min(count, wanted)
    assert found == sorted(set(found))
    assert all(0 <= place < count for place in found)


def population(dice: Any, shape: str) -> list[Unit]:
    """Cases as runs have them: a few kinds, each with a long tail; or with many equal ones."""
    units = []
    for number in range(dice.randint(40, 400)):
        kind = number % 5
        value = 2000.0 * (1 + kind)
        if shape == "tail":
            value *= dice.lognormvariate(0, 0.6)
        elif shape == "rare":
            value = 2000.0 if dice.random() < 0.85 else 14_000.0 + dice.random() * 8000
        elif shape == "steps":
            value = 2500.0 * dice.choices([1, 2, 3, 4, 10], [40, 30, 15, 10, 5])[0]
        units.append(Unit(8000, str(kind), value))
    return units


@pytest.mark.parametrize("shape", ["tail", "rare", "steps", "plain"])
def test_intervals_hold_the_true_total_in_95_of_100_runs(shape: str) -> None:
    """Over 1,000 simulated runs of each shape, with as many cases as a pilot does."""
    dice, inside, width = clock.derive_random(7, 0, 0), 0, 0.0
    for _ in range(1000):
        whole = population(dice, shape)
        true = sum(each.measured or 0.0 for each in whole)
        order = sorted(range(len(whole)), key=lambda n: (whole[n].stratum, dice.random()))
        known = {order[place] for place in extrapolating.spaced(len(whole), cells.CASES)}
        seen = [u if n in known else Unit(u.size, u.stratum) for n, u in enumerate(whole)]
        found = extrapolating.total(seen)
        inside += found.low <= true <= found.high
        width += found.high / found.value / 1000
    assert inside >= 950, f"{shape}: {inside} of 1000, {width:.2f} times at most"
    assert width < 2.5, f"{shape}: an interval up to {width:.2f} times the value is of no use"


# Runs


def test_a_pilot_finds_what_the_run_takes() -> None:
    """All cases are done once as the run would do them; the interval holds their sum."""
    plan = planned(("memgpt", "fixed_window", "full_context", "no_memory"))
    pilot = Real()
    found = estimate.estimate(plan, pilot)
    assert pilot.done == found.measured <= 4 * cells.CASES
    true: dict[str, int] = {}
    arms = {arm.name: arm for arm in plan.arms}
    for each in plan.histories:
        conversation = plan.conversations[each.dataset, each.conversation]
        conditions = trial.simple(arms[each.arm].plan)
        with trial.ingest(conditions, conversation, each.seed) as held:
            spent: Sequence[record.Spent] = [
                held.spent,
                *(trial.ask(conditions, held, c, 0).spent for c in conversation.cases),
            ]
        true[each.arm] = true.get(each.arm, 0) + sum(
            s.prompt_tokens + s.completion_tokens for s in spent)  # fmt: skip
    for share in found.shares:
        assert share.tokens.low <= true[share.arm] <= share.tokens.high, share
        assert share.tokens.high <= 2.5 * true[share.arm], share
    assert found.tokens.low <= sum(true.values()) <= found.tokens.high


def test_bounds_hold_without_a_pilot() -> None:
    plan = planned()
    bounded, measured = estimate.estimate(plan), estimate.estimate(plan, Real())
    assert bounded.measured == 0
    assert bounded.tokens.low <= measured.tokens.value <= bounded.tokens.high
    assert bounded.calls.low <= measured.calls.value <= bounded.calls.high


def test_seeds_multiply() -> None:
    pilot = Fixed(record.Spent(100, 10, 0, 2), record.Spent(50, 5, 0, 1))
    once = estimate.estimate(planned(["memgpt"]), pilot)
    more = estimate.estimate(planned(["memgpt"], seeds={"ingest": 2, "answer": 3}), pilot)
    assert once.calls.value == 12 * (2 + 1)
    assert more.calls.value == 12 * (2 * 3 * 2 + 2 * 1)
    assert more.tokens.value == 12 * (2 * 3 * 110 + 2 * 55)


def test_money_is_counted_for_paid_models_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = {"openai/gpt-4o": (2e-6, 1e-5)}
    monkeypatch.setattr(litellm_gateway, "price", prices.get)
    pilot = Fixed(record.Spent(1000, 100, 0, 1), record.Spent())
    free = estimate.estimate(planned(["memgpt"]), pilot)
    assert free.cost is None
    assert free.paid == ()
    plan = planned(["memgpt"], models=["openai/gpt-4o"])
    paid = estimate.estimate(plan, pilot)
    assert paid.cost is not None
    assert paid.cost.value == pytest.approx(12 * (1000 * 2e-6 + 100 * 1e-5))
    assert paid.stand_in
    assert paid.tokens.high >= 3 * free.tokens.value
    unknown = estimate.estimate(planned(["memgpt"], models=["nobody/new"]), pilot)
    assert unknown.unpriced == ("nobody/new",)
    assert "no price is known for nobody/new" in "\n".join(estimate.lines(plan, unknown))


def test_the_judge_is_counted() -> None:
    plan = planned(["memgpt"], scorers=["exact", "judge"], judge="offline/extractive")
    share = next(each for each in estimate.estimate(plan).shares if each.arm == "judge")
    assert share.calls.value == 12


@pytest.mark.slow
def test_litellm_knows_prices_offline() -> None:
    known = litellm_gateway.price("openai/gpt-4o-mini")
    assert known is not None
    assert 0 < known[0] < known[1] < 1e-4
    assert litellm_gateway.price("nobody/nothing") is None


# Words


def test_the_plan_fits_100_columns_and_says_all() -> None:
    plan = planned(["memgpt", "full_context", "no_memory"], ablate={"memgpt": ["recall"]},
                   max_cost=2.5, max_calls=100)  # fmt: skip
    lines = estimate.lines(plan, estimate.estimate(plan, Real()))
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for part in ("test: 3 arms on 1 dataset: 3 cells, 36 histories to feed, 36 trials",
                 "nested_kv (12 histories, 12 questions; generated; observe)", "contains decides",
                 "with no_memory; alpha 0.05 after Holm", "model calls (from 36 cases", "tokens",
                 "no model here is paid for", "would be claimed with a chance of 0.8",
                 "at 100 paid calls or 2.50 US dollars", "prompt size",
                 "memgpt without recall"):  # fmt: skip
        assert part in text, text


def test_plain_holds_the_same_numbers() -> None:
    import json

    plan = planned(["memgpt"])
    found = estimate.estimate(plan)
    plain = json.loads(json.dumps(estimate.plain(plan, found)))
    assert plain["trials"] == 12
    assert plain["tokens"]["high"] == found.tokens.high
    assert plain["detectable"].keys() == {"nested_kv"}
