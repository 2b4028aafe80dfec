"""What a run may take, before it starts: calls, tokens and cost as intervals; what it could show.

Called by the doors. With a pilot a few cases of each cell are done with the offline policy and
extrapolated; without one only the bounds are known that a plan proves. Runs nothing itself: the
pilot is given. Knows no engine.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.suites import plan as plans
from archgraph.suites.planning import cells, trying
from archgraph.suites.planning.extrapolating import NOTHING, Range


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run may take. `cost` is in US dollars and None where no model has a known price.

    `unpriced` names the paid models without one; `detectable` is, by dataset, the smallest
    difference that would be claimed with a chance of 0.8 (NaN: none can be). `embedders` are the
    paid ones, whose vectors are in no number here; `exact`: every trial was done in advance, as the
    run will do it.
    """

    shares: tuple[cells.Share, ...]
    calls: Range
    tokens: Range
    cost: Range | None
    unpriced: tuple[str, ...]
    paid: tuple[str, ...]
    detectable: Mapping[str, float]
    measured: int
    stand_in: bool
    embedders: tuple[str, ...] = ()
    exact: bool = False


# Public functions


def estimate(plan: plans.RunPlan, pilot: trying.Pilot | None = None) -> Estimate:
    """What a plan may take, by a pilot if there is one."""
    shares = tuple(
        cells.share(plan, arm, label, pilot) for label in plan.datasets for arm in plan.arms
    )
    judged = cells.judge(plan)
    whole = (*shares, judged) if judged is not None else shares
    asked = {model for arm in plan.arms for model in cells.models(arm.plan)}
    asked |= {plan.judge} if judged is not None else set()
    paid = sorted(filter(cells.is_paid, asked))
    prices = {model: _price(model) for model in paid}
    known = any(price is not None for price in prices.values())
    return Estimate(
        shares=whole,
        calls=sum((each.calls for each in whole), NOTHING),
        tokens=sum((each.tokens for each in whole), NOTHING),
        cost=sum((_cost(plan, each, prices) for each in whole), NOTHING) if known else None,
        unpriced=tuple(model for model, price in prices.items() if price is None),
        paid=tuple(paid),
        detectable={label: _detectable(plan, label) for label in plan.datasets},
        measured=sum(each.measured for each in shares),
        stand_in=pilot is not None and any(cells.stands_in(arm.plan) for arm in plan.arms),
        embedders=_embedders(plan),
        exact=judged is None and all(each.whole for each in shares) and not _embedders(plan),
    )


def lines(plan: plans.RunPlan, found: Estimate) -> list[str]:
    """The plan and what it may take, as people read it; at most 100 columns."""
    told = [f"{plan.name}: {_count(len(plan.arms), 'arm')} on "
            f"{_count(len(plan.datasets), 'dataset')}: "
            f"{_count(len(plan.arms) * len(plan.datasets), 'cell')}, "
            f"{len(plan.histories):,} histories to feed, {len(plan.trials):,} trials"]  # fmt: skip
    told += _wrapped("arms", ", ".join(arm.name for arm in plan.arms))
    for label in plan.datasets:
        told += _wrapped("data", _data(plan, label))
    told += _wrapped("scores", _scores(plan))
    if len(plan.arms) > 1:
        told += _wrapped("compare", f"with {plan.baseline}; alpha {plan.alpha:g} after Holm, "
                                    f"margin {plan.margin:g}")  # fmt: skip
    told += _wrapped("calls", f"{_total(found, found.calls)} model calls{_how(found)}")
    told += _wrapped("tokens", _total(found, found.tokens))
    told += _wrapped("cost", _money(found))
    if found.embedders:
        told += _wrapped("besides", f"embeddings by {', '.join(found.embedders)} are not in these "
                                    "numbers")  # fmt: skip
    for label, size in found.detectable.items() if len(plan.arms) > 1 else ():
        told += _wrapped("detect", _shown(plan, label, size))
    if plan.limits.max_calls or plan.limits.max_cost:
        told += _wrapped("stop", _limits(plan.limits))
    for sentence in plan.confounds:
        told += _wrapped("confound", sentence)
    for name, reason in plan.unremovable.items():
        told += _wrapped("skipped", f"{name}: {reason}")
    for sentence in plan.manifest.get("unscored", ()):
        told += _wrapped("unscored", sentence)
    return told


def plain(plan: plans.RunPlan, found: Estimate) -> dict[str, Any]:
    """The same as `lines`, as plain data."""
    return {
        "suite": plan.name,
        "arms": [arm.name for arm in plan.arms],
        "datasets": {label: dict(plan.manifest.get("data", {}).get(label, {}))
                     for label in plan.datasets},
        "cells": len(plan.arms) * len(plan.datasets),
        "histories": len(plan.histories),
        "trials": len(plan.trials),
        "baseline": plan.baseline,
        "primary": dict(plan.primary),
        "calls": dataclasses.asdict(found.calls),
        "tokens": dataclasses.asdict(found.tokens),
        "cost": dataclasses.asdict(found.cost) if found.cost is not None else None,
        "unpriced": list(found.unpriced),
        "piloted": found.measured,
        "stand_in": found.stand_in,
        "exact": found.exact,
        "embedders_left_out": list(found.embedders),
        "detectable": {k: v if v == v else None for k, v in found.detectable.items()},
        "confounds": list(plan.confounds),
        "unremovable": dict(plan.unremovable),
        "shares": [{**dataclasses.asdict(each), "tokens": dataclasses.asdict(each.tokens)}
                   for each in found.shares],
    }  # fmt: skip


# Money, and what can be shown


def _price(model: str) -> tuple[float, float] | None:
    from archgraph.llm import litellm_gateway

    return litellm_gateway.price(model)


def _cost(
    plan: plans.RunPlan, share: cells.Share, prices: Mapping[str, tuple[float, float] | None]
) -> Range:
    """What a cell costs at list prices; an arm of several models at those of the dearest."""
    arm = next((each for each in plan.arms if each.name == share.arm), None)
    models = cells.models(arm.plan) if arm is not None else {plan.judge}
    known = [price for model in models if (price := prices.get(model)) is not None]
    if not known:
        return NOTHING
    into, out = max(known)
    return share.prompt.times(into) + share.completion.times(out)


def _embedders(plan: plans.RunPlan) -> tuple[str, ...]:
    """The paid embedders of a plan."""
    from archgraph.llm import embedders

    named = {plan.embedder or arm.plan.embedder for arm in plan.arms}
    return tuple(sorted(filter(embedders.is_paid, filter(None, named))))


def _detectable(plan: plans.RunPlan, label: str) -> float:
    from archgraph.suites.stats import power

    found = [case for each in plan.fed(plan.arms[0].name, label) for case in each.cases]
    clusters = len({case.cluster for case in found})
    comparisons = max(1, len(plan.arms) - 1)
    return power.detectable(clusters, len(found) / clusters, sd=power.paired_sd(),
                            alpha=plan.alpha / comparisons)  # fmt: skip


# Words


def _data(plan: plans.RunPlan, label: str) -> str:
    found = plan.fed(plan.arms[0].name, label)
    about = plan.manifest.get("data", {}).get(label, {})
    parts = [f"{_count(len(found), 'history', 'histories')}, "
             f"{_count(sum(len(each.cases) for each in found), 'question')}",
             str(about.get("split", "")), str(about.get("mode", ""))]  # fmt: skip
    if about.get("sha256"):
        parts.append(f"sha256 {str(about['sha256'])[:12]}")
    if about.get("verified") is False:
        parts.append("not a published file that is known here")
    return f"{label} ({'; '.join(filter(None, parts))})"


def _scores(plan: plans.RunPlan) -> str:
    names = [each.name for each in plan.scorers]
    first = sorted(set(plan.primary.values()))
    if len(first) == 1:
        rest = [name for name in names if name != first[0]]
        return f"{first[0]} decides" + (f"; also {', '.join(rest)}" if rest else "")
    told = "; ".join(f"{name} decides on {label}" for label, name in plan.primary.items())
    return f"{told}; of {', '.join(names)}"


def _how(found: Estimate) -> str:
    if not found.measured:
        return " (bounds; --dry-run tries a few cases first)"
    if found.exact:
        return ", exactly (every trial was done in advance)"
    stood = ", with the offline policy in the models' place" if found.stand_in else ""
    return f" (from {_count(found.measured, 'trial')} done in advance{stood})"


def _money(found: Estimate) -> str:
    if not found.paid:
        return "none: no model here is paid for" if not found.embedders else "no model is paid for"
    missing = f"; no price is known for {', '.join(found.unpriced)}" if found.unpriced else ""
    if found.cost is None:
        return missing.removeprefix("; ")
    low, high = found.cost.low, found.cost.high
    return f"{low:,.2f} to {high:,.2f} US dollars at list prices{missing}"


def _shown(plan: plans.RunPlan, label: str, size: float) -> str:
    found = {case.cluster for each in plan.fed(plan.arms[0].name, label) for case in each.cases}
    if size != size:
        return f"{label}: {len(found)} conversations are too few to claim any difference"
    return (f"{label}: a difference of {100 * size:.0f} points would be claimed with a chance of "
            f"0.8, a smaller one less often ({len(found):,} conversations)")  # fmt: skip


def _limits(limits: plans.Limits) -> str:
    parts = [f"{limits.max_calls:,} paid calls"] if limits.max_calls else []
    parts += [f"{limits.max_cost:,.2f} US dollars"] if limits.max_cost else []
    return f"at {' or '.join(parts)}"


def _total(found: Estimate, range: Range) -> str:
    return f"{range.value:,.0f}" if found.exact else _span(range)


def _span(range: Range) -> str:
    low, high = _number(range.low), _number(range.high)
    return f"about {low}" if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:.1f} {word}"
    return f"{value:,.0f}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _wrapped(head: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 100, initial_indent=f"  {head:<9} ", subsequent_indent=" " * 12,
                             break_long_words=False, break_on_hyphens=False)  # fmt: skip
