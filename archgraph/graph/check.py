"""All checks of an architecture: what cannot run is an error, what is useless a warning.

Called by `compile` and by `archgraph check`. Each rule is one function in one of the `rules_*`
modules, over a `Design`. Knows no store type: what a type can do is asked of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from archgraph import errors
from archgraph.graph import (
    assemble,
    budget,
    design,
    plan,
    rules_calls,
    rules_flow,
    rules_names,
    rules_order,
    rules_outside,
    rules_pipelines,
    rules_steps,
    rules_stores,
    rules_templates,
    rules_threads,
    rules_tools,
)
from archgraph.spec import load

Rule = Callable[[design.Design], None]
PlanRule = Callable[[design.Design, plan.Plan], None]

REFERENCES: tuple[Rule, ...] = (
    rules_names.unique,
    rules_names.tool_stores,
    rules_names.thread_nodes,
    rules_names.thread_events,
    rules_names.store_references,
    rules_names.embedder,
    rules_tools.verbs,
    rules_outside.offers,
    rules_outside.result_caps,
    rules_outside.secrets,
    rules_tools.fixed_arguments,
    rules_order.rule_tools,
    rules_order.prefilled,
    rules_calls.called_threads,
    rules_calls.conditions,
    rules_stores.logs,
    rules_stores.views,
    rules_stores.thresholds,
    rules_stores.doubts,
    rules_threads.context_items,
    rules_threads.cron_lines,
    rules_threads.model_names,
    rules_threads.model_options,
    rules_threads.secrets,
    rules_pipelines.triggers,
    rules_pipelines.step_stores,
    rules_pipelines.step_functions,
    rules_pipelines.expressions,
    rules_pipelines.step_values,
    rules_steps.set_fields,
    rules_steps.choices,
    rules_steps.targets,
    rules_steps.conditions,
    rules_steps.heard,
    rules_templates.missing,
    rules_templates.syntax,
    rules_templates.tool_names,
    rules_templates.store_names,
    rules_templates.attributes,
)
"""Rules that hold for each part on its own, also of a file with other problems."""

WHOLE: tuple[Rule, ...] = (
    rules_threads.there_is_one,
    rules_threads.way_out,
)
"""Rules about what is absent: they run when every part is right."""

FLOW: tuple[PlanRule, ...] = (
    rules_order.deadlocks,
    rules_order.approvals,
    rules_calls.ask_cycles,
    rules_flow.trigger_cycles,
    rules_flow.overflow_cycles,
    rules_flow.unread_and_unwritten,
    rules_flow.unreachable,
)
"""Rules about the graph as a whole; they look at the plan that would be made."""


def check(source: str | Path, overrides: Sequence[str] = ()) -> list[errors.Problem]:
    """All problems of an architecture file in one pass, in the order of the file."""
    return problems(design.of(load.read(source, overrides)))


def problems(found: design.Design) -> list[errors.Problem]:
    """All problems of a loaded architecture."""
    if found.loaded.root.mapping and found.loaded.whole:
        for rule in REFERENCES:
            rule(found)
        if found.sound and not _errors(found.problems):
            built = assemble.make(found)
            for rule in WHOLE:
                rule(found)
            for look in FLOW:
                look(found, built)
            if not _errors(found.problems):
                budget.prove(found, built)
    return load.in_order([*found.loaded.problems, *found.problems])


def _errors(told: Sequence[errors.Problem]) -> bool:
    return any(each.severity == "error" for each in told)
