"""A loaded architecture to the frozen plan that the runtime walks.

Called by the doors and by suites. All checks run first; an architecture with errors has no plan.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import errors
from archgraph.graph import assemble, check, design, outside, plan
from archgraph.spec import load


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan, and the warnings that go with it."""

    plan: plan.Plan
    warnings: tuple[errors.Problem, ...]


# Public functions


def compile(loaded: load.Architecture) -> Compiled:
    """Check an architecture and make its plan.

    Raises:
        SpecError: the architecture has errors; all of them are told.
    """
    found = design.of(loaded)
    problems = check.problems(found)
    wrong = [each for each in problems if each.severity == "error"]
    if wrong:
        raise errors.SpecError(wrong)
    return Compiled(
        assemble.make(found), tuple(each for each in problems if each.severity != "error")
    )


def plan_to_json(compiled: plan.Plan) -> str:
    """The plan as canonical JSON, which the agent file keeps."""
    return json.dumps(dataclasses.asdict(compiled), ensure_ascii=False, allow_nan=False)


def plan_from_json(text: str) -> plan.Plan:
    """The plan that `plan_to_json` wrote.

    Raises:
        AgentFileError: the text is not such a plan.
    """
    try:
        data = json.loads(text)
        return plan.Plan(
            **{
                **data,
                "stores": {key: plan.StorePlan(**each) for key, each in data["stores"].items()},
                "tools": {key: _tool_back(each) for key, each in data["tools"].items()},
                "threads": {key: _thread_back(each) for key, each in data["threads"].items()},
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise errors.AgentFileError(f"the plan in the agent file is damaged: {error}") from error


# Private functions


def _tool_back(data: Mapping[str, Any]) -> plan.ToolPlan:
    named = {key: tuple(data.get(key, ())) for key in ("stores", "threads")}
    beyond = outside.from_plain(data.get("outside"))
    return plan.ToolPlan(**{**data, **named, "outside": beyond})


def _thread_back(data: Mapping[str, Any]) -> plan.ThreadPlan:
    beat = data["heartbeat"]
    rules: dict[str, Any] = {
        key: {name: _tuple(each) for name, each in value.items()}
        if isinstance(value, dict)
        else tuple(value)
        for key, value in beat["rules"].items()
    }
    branches = rules.get("branch", {}).items()
    rules["branch"] = {name: _branch_back(each) for name, each in branches}
    heartbeat = {**beat, "when": tuple(beat["when"]), "rules": plan.ToolRules(**rules)}
    return plan.ThreadPlan(
        **{
            **data,
            "context": tuple(plan.ContextItem(**item) for item in data["context"]),
            "tools": tuple(data["tools"]),
            "triggers": tuple(_trigger_back(each) for each in data["triggers"]),
            "heartbeat": plan.HeartbeatPlan(**heartbeat),
            "steps": tuple(_step_back(each) for each in data.get("steps", ())),
        }
    )


def _step_back(data: Mapping[str, Any]) -> plan.StepPlan:
    return plan.StepPlan(**{**data, "folders": tuple(data.get("folders", ()))})


def _trigger_back(data: Mapping[str, Any]) -> plan.TriggerPlan:
    where = {key: tuple(values) for key, values in data.get("where", {}).items()}
    return plan.TriggerPlan(**{**data, "where": where})


def _branch_back(data: Mapping[str, Any]) -> plan.Branch:
    when = {pattern: tuple(names) for pattern, names in data["when"].items()}
    return plan.Branch(when, tuple(data["otherwise"]), data["strict"])


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
