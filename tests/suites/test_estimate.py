"""What a run may take: the intervals hold what runs took, and are narrow enough to be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archgraph import clock
from archgraph.llm import litellm_gateway
from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import build, estimate, extrapolating, spec, trying
from archgraph.suites.planning.extrapolating import Range, Unit
from archgraph.suites.running import trial

WORK: list[Any] = [{"nested_kv": {"depths": [0, 1, 2], "orderings": 4, "pairs": 20}}]


def planned(
    architectures: Any = ("memgpt", "fixed_window"), *, datasets: Any = WORK, **keys: Any
) -> plans.RunPlan:
    made = spec.SuiteSpec.model_validate(
        {"suite": "test", "architectures": list(architectures), "datasets": datasets, **keys}
    )
    return build.plan(made)


class Real:
    """A pilot that does the cases, as a run does them."""

    def __init__(self) -> None:
        self.done = 0

    def ingest(self, arm: plans.Arm, conversation: cases.Conversation, seed: int) -> record.Spent:
        with trial.ingest(trial.simple(arm.plan), conversation, seed) as found:
            return found.spent

    def __call__(
        self, arm: plans.Arm, conversation: cases.Conversation, case: cases.Case,
        seeds: tuple[int, int],
    ) -> record.Spent:  # fmt: skip
        self.done += 1
        conditions = trial.simple(arm.plan)
        with trial.ingest(conditions, conversation, seeds[0]) as found:
            return trial.ask(conditions, found, case, seeds[1]).spent


class Fixed:
    """A pilot that knows the answer."""

    def __init__(self, asked: record.Spent, fed: record.Spent) -> None:
        self.asked, self.fed = asked, fed

    def ingest(self, *_: Any) -> record.Spent:
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
        few = trying.bound(len(whole), trying.CASES)
        order = sorted(range(len(whole)), key=lambda n: (whole[n].stratum, dice.random()))
        known = {order[place] for place in extrapolating.spaced(len(whole), few)}
        seen = [u if n in known else Unit(u.size, u.stratum) for n, u in enumerate(whole)]
        found = extrapolating.total(seen)
        inside += found.low <= true <= found.high
        width += found.high / found.value / 1000
    assert inside >= 950, f"{shape}: {inside} of 1000, {width:.2f} times at most"
    assert width < 2.5, f"{shape}: an interval up to {width:.2f} times the value is of no use"


@given(
    st.lists(st.floats(1, 1e5), min_size=1, max_size=8), st.integers(2, 5), st.floats(0.01, 0.99)
)
def test_repeats_are_never_known_to_a_point(
    values: list[float], times: int, rate: float
) -> None:  # fmt: skip
    units = [Unit(1, "a", each) for each in values]
    found = extrapolating.repeated(units, times, extrapolating.Noise())
    assert found.value == pytest.approx(times * sum(values))
    assert found.low <= 0.991 * found.value < 1.009 * found.value <= found.high
    once = extrapolating.repeated(units, 1, extrapolating.Noise(rate=rate), drawn=True)
    assert once.low < once.value < once.high
    faulty = extrapolating.repeated(units, times, extrapolating.Noise((), rate, 2.0))
    assert faulty.high >= found.high
    assert extrapolating.repeated(units, 1, extrapolating.Noise()) == extrapolating.total(units)


def test_repeated_draws_lie_inside_in_95_of_100_runs() -> None:
    """Every case is done once in advance, one in four twice; the run does each three times."""
    dice, inside, width = clock.derive_random(11, 0, 0), 0, 0.0
    for _ in range(1000):
        draws = [[sum(900.0 * (1 + 2 * (dice.random() < 0.3)) for _ in range(3)) for _ in range(3)]
                 for _ in range(12)]  # fmt: skip
        units = [Unit(1, "a", sum(d[:2]) / 2 if n < 3 else d[0]) for n, d in enumerate(draws)]
        noise = extrapolating.Noise([(d[0], d[1]) for d in draws[:3]], 0.3, 3 * 1.6)
        found = extrapolating.repeated(units, 3, noise)
        inside += found.low <= sum(map(sum, draws)) <= found.high
        width += found.high / found.value / 1000
    assert inside >= 950, f"{inside} of 1000, {width:.2f} times at most"
    assert width < 2


# Runs


def test_a_pilot_finds_what_the_run_takes() -> None:
    """All cases are done once as the run would do them; the interval holds their sum."""
    plan = planned(("memgpt", "fixed_window", "full_context", "no_memory"))
    pilot = Real()
    found = estimate.estimate(plan, pilot)
    assert pilot.done == found.measured <= 4 * trying.CASES
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


class Seeded(Fixed):
    """A pilot that keeps what it was asked to do."""

    def __init__(self) -> None:
        super().__init__(record.Spent(100, 10, 0, 2), record.Spent())
        self.told: list[tuple[str, str, tuple[int, int]]] = []

    def __call__(self, *told: Any) -> record.Spent:
        _, conversation, case, seeds = told
        self.told.append((conversation.id, case.id, seeds))
        return self.asked


def test_a_pilot_uses_the_seeds_of_the_run_and_does_some_cases_twice() -> None:
    pilot, plan = Seeded(), planned(["memgpt"], seed=5, seeds={"ingest": 2, "answer": 2})
    found = estimate.estimate(plan, pilot)
    used = {seeds for _, _, seeds in pilot.told}
    assert used == {(5, 5), (6, 5), (5, 6), (6, 6)}
    assert len(set(pilot.told)) == len(pilot.told) == found.measured == 12
    assert len({told[:2] for told in pilot.told}) == 9
    assert not found.exact
    assert found.tokens.low < found.tokens.value < found.tokens.high


def test_a_pilot_does_a_part_of_a_cell() -> None:
    assert [trying.bound(n, trying.CASES) for n in (1, 6, 12, 40, 400)] == [1, 6, 6, 10, 20]


def test_only_what_was_all_done_without_chance_is_exact() -> None:
    few: list[Any] = [{"nested_kv": {"depths": [0], "orderings": 3, "pairs": 20}}]
    plan = planned(["memgpt"], datasets=few)
    found = estimate.estimate(plan, Real())
    assert found.exact
    assert found.tokens.low == found.tokens.high
    assert "exactly (every trial was done in advance)" in "\n".join(estimate.lines(plan, found))
    for more in ({"faults": {"rate": 0.1}}, {"repeats": 2}, {"models": ["openai/gpt-4o"]}):
        plan = planned(["memgpt"], datasets=few, **more)
        found = estimate.estimate(plan, Fixed(record.Spent(100, 10, 0, 2), record.Spent()))
        assert not found.exact, more
        assert found.tokens.low < found.tokens.high, more


def test_a_pilot_stands_in_for_a_scripted_model() -> None:
    plan = planned(["memgpt"], models=["scripted/answers.yaml"])
    found = estimate.estimate(plan, Fixed(record.Spent(100, 10, 0, 2), record.Spent()))
    assert found.stand_in
    assert found.tokens.high >= 3 * found.tokens.value


def test_a_bound_of_one_call_a_trial_does_not_hold_where_calls_are_refused() -> None:
    pilot = Fixed(record.Spent(100, 10, 0, 1), record.Spent())
    for more in ({"faults": {"rate": 0.5}}, {"budget": {"tokens_per_case": 900}}):
        found = estimate.estimate(planned(["no_memory"], **more), pilot)
        assert found.calls.low < 12, more
    bounds = Range(10, 10, 30)
    assert Range(5, 4, 6).clipped(bounds) == Range(5, 4, 6)
    assert Range(15, 4, 60).clipped(bounds) == Range(15, 10, 30)
    assert Range(40, 4, 60).clipped(bounds) == Range(40, 10, 60)


def test_vectors_that_cost_are_named() -> None:
    plan = planned(["memgpt"], embedder="openai/text-embedding-3-small")
    found = estimate.estimate(plan)
    told = "\n".join(estimate.lines(plan, found))
    assert "embeddings by openai/text-embedding-3-small are not in these numbers" in told
    assert not found.exact


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


def test_an_interval_does_not_pass_what_the_plan_proves() -> None:
    """Three times wider, because the policy stood in, it would fall below a call a trial."""
    pilot = Fixed(record.Spent(1000, 100, 0, 1), record.Spent())
    plan = planned(["no_memory"], models=["openai/gpt-4o"])
    proven, found = estimate.estimate(plan), estimate.estimate(plan, pilot)
    assert proven.calls.low == len(plan.trials)
    assert found.calls.low == found.calls.value == len(plan.trials)
    assert found.calls.high <= proven.calls.high


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
                 "with no_memory; alpha 0.05 after Holm", "model calls (from 18 trials", "tokens",
                 "no model here is paid for", "points would be claimed with a chance of",
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


def test_one_arm_is_compared_with_nothing() -> None:
    plan = planned(["memgpt"])
    told = "\n".join(estimate.lines(plan, estimate.estimate(plan)))
    assert "compare" not in told
    assert "would be claimed" not in told
