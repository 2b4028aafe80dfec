"""A pilot: a few cases done in this process by the offline policy, to see what a run may take.

Calls go wrong as in the run, without the latency. With the same seeds a case takes what it takes in
a run with the offline policy.

Called by the door before a run is shown; the estimate takes it as a function. Asks no paid model:
where an arm names one, the policy stands in for it, and `hashed` for a paid embedder.
"""

from __future__ import annotations

import dataclasses

from archgraph.llm import base as llm
from archgraph.llm import embedders, extractive
from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import timing, trial


class Pilot:
    """Does cases of a plan's arms. The agent that was fed last is kept for its questions."""

    def __init__(self, plan: plans.RunPlan) -> None:
        self._plan = plan
        self._faults = dataclasses.replace(plan.faults, latency=0.0)
        self._policy: llm.Gateway = extractive.Extractive()
        self._fed: tuple[tuple[str, int, int], trial.Ingested] | None = None

    def __call__(
        self, arm: plans.Arm, conversation: cases.Conversation, case: cases.Case,
        seeds: tuple[int, int],
    ) -> record.Spent:  # fmt: skip
        """What one question takes, once its history has been fed; seeds of ingest and answer."""
        held = self._ingested(arm, conversation, seeds[0])
        return trial.ask(self._conditions(arm, conversation), held, case, seeds[1]).spent

    def ingest(self, arm: plans.Arm, conversation: cases.Conversation, seed: int) -> record.Spent:
        """What feeding a history takes."""
        return self._ingested(arm, conversation, seed).spent

    def close(self) -> None:
        """Let go of the agent."""
        if self._fed is not None:
            self._fed[1].close()
            self._fed = None

    def _ingested(
        self, arm: plans.Arm, conversation: cases.Conversation, seed: int
    ) -> trial.Ingested:
        key = (arm.name, id(conversation), seed)
        if self._fed is None or self._fed[0] != key:
            self.close()
            fed = trial.ingest(self._conditions(arm, conversation), conversation, seed)
            self._fed = key, fed
        return self._fed[1]

    def _conditions(self, arm: plans.Arm, conversation: cases.Conversation) -> trial.Conditions:
        held = self._plan.conversations
        named = {name for (name, _), each in held.items() if each is conversation}
        dataset = self._plan.datasets[named.pop()]
        limits = self._plan.limits
        return trial.Conditions(
            arm.plan, dataset.options.mode or dataset.mode, self._faults, limits.tokens_per_case,
            limits.ingest_tokens, self._plan.embedder, lambda model, options: self._policy,
            lambda name: timing.opened("hashed" if embedders.is_paid(name) else name),
        )  # fmt: skip
