"""The budget proof of a pipeline: its largest request fits the context window.

Called by `budget` for each thread that is a list of operators. A value may be no larger than the
cap of the step that made it; what a model is shown is cut to that when it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from archgraph import prompts, registry
from archgraph.graph import design, plan
from archgraph.llm import tokens
from archgraph.operators import base

Summand = tuple[str, int, tuple[str, ...]]
"""What, how many tokens, and what in the file makes it larger or smaller."""


def lines(
    found: design.Design, built: plan.Plan, thread: plan.ThreadPlan, counter: tokens.TokenCounter
) -> list[Summand]:
    """The summands of the largest request that the pipeline can make; none if it asks no model."""
    sums = [_request(found, built, thread, counter, *each) for each in _asking(thread)]
    return max(sums, key=lambda each: sum(size for _, size, _ in each), default=[])


def _asking(thread: plan.ThreadPlan) -> Iterator[tuple[int, base.Options]]:
    """The steps that ask a model: their place and options."""
    for index, step in enumerate(thread.steps):
        options = _options(step)
        if getattr(options, "prompt", None):
            yield index, options


def _request(
    found: design.Design,
    built: plan.Plan,
    thread: plan.ThreadPlan,
    counter: tokens.TokenCounter,
    index: int,
    options: base.Options,
) -> list[Summand]:
    step, path = thread.steps[index], f"threads.{thread.name}.steps[{index}]"
    prompt = str(getattr(options, "prompt", ""))
    source = built.prompts[prompt]
    caps = _caps(found, thread, step)
    out: list[Summand] = [
        (f"step {index + 1}, {step.operator}: the template {prompt}", counter.count(source) + 24,
         (f"the template {prompt}",)),
    ]  # fmt: skip
    schema = options.answer()
    if schema is not None:
        out.append(("the schema of its answer", counter.count(json.dumps(schema)) + 60, (path,)))
    for name, times in prompts.shown(source).items():
        if name in caps:
            out.append((f"{name} in the template", caps[name] * times, (path,)))
    for option, name in options.uses().items():
        if option.partition(".")[0] == "of":
            what = f"{name} below the instructions, at its cap"
            out.append((what, caps.get(name, thread.context_window // 4) + 6, (path,)))
    out.append(("what it looks up for the question", options.shows(thread.context_window), (path,)))
    reserved = options.answer_cap() or thread.max_tokens
    keys = (f"threads.{thread.name}.max_tokens",)
    out.append(("reserved for the answer (max_tokens)", reserved, keys))
    return [line for line in out if line[1]]


def _caps(found: design.Design, thread: plan.ThreadPlan, step: plan.StepPlan) -> dict[str, int]:
    """The most tokens of each value and store as a model reads it."""
    window = thread.context_window
    caps = {name: found.options(name).token_cap() or window // 4 for name in found.types}
    caps |= {each.result: _options(each).cap(window) for each in thread.steps if each.result}
    if step.each:
        caps["item"] = caps.get(step.each, window // 4)
    return caps


def _options(step: plan.StepPlan) -> base.Options:
    kind = registry.get("operators", step.operator)
    options: base.Options = kind.Options.model_validate(step.options)
    return options
