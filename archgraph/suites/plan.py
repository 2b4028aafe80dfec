"""The plan of a run: which arms do which trials; the values that cross from planning to running.

Made by `planning`, walked by `running`. Everything in it is decided before the first model call.
Knows neither YAML nor ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.graph import plan as plans
from archgraph.suites.datasets import base as datasets
from archgraph.suites.datasets import case as cases


@dataclass(frozen=True, slots=True)
class Arm:
    """One architecture as it is compared: overrides, model, compiled plan.

    `name` is unique in a run and is what tables show: `memgpt`, `memgpt core_limit=500`,
    `memgpt without archival`, `memgpt @openai/gpt-4o` where there are several models. `factors`
    are the declared differences (`vary`, `models`); `of` names the arm that an ablation or a
    variation was made from, `ablated` the node that was removed. `warnings` are those of `check`.
    """

    name: str
    architecture: str
    overrides: tuple[str, ...]
    model: str
    plan: plans.Plan
    factors: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    ablated: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """One ingest: a conversation fed to one arm with one seed. `id` is its digest."""

    id: str
    arm: str
    dataset: str
    conversation: str
    seed: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One case in one cell with one seed: the unit of lease and commit.

    `id` is the digest of everything that can change its result; `parts` are the digests of the
    inputs that it was made from, by name, for `archgraph why`. A cell is (arm, dataset).
    """

    id: str
    history: str
    arm: str
    dataset: str
    case: str
    cluster: str
    category: str
    ingest_seed: int
    answer_seed: int
    judge_seed: int


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults as a factor: a share of model calls goes wrong, drawn by seed.

    `latency` is added to every call, in seconds of real time.
    """

    rate: float = 0.0
    kinds: tuple[str, ...] = ("bad_json", "unknown_tool", "timeout", "429")
    latency: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds. Tokens are per case (question only) and per history; the others for the whole run.

    0 means none. `max_cost` is in US dollars.
    """

    tokens_per_case: int = 0
    ingest_tokens: int = 0
    max_calls: int = 0
    max_cost: float = 0.0


@dataclass(frozen=True, slots=True)
class ScorerPlan:
    """A scorer as a suite names it: `name` in tables, `type`, options in plain form.

    `type` is a registered name, or with a colon a class of one's own, `module:Class` or
    `file.py:Class`, looked for in `folder` (that of the suite).
    """

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    """The datasets that it scores; empty: all."""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A whole run.

    `source` is the suite in plain form, defaults filled in; `digest` a hash of it. `inputs` maps
    the digest of each trial's or history's input part to a description, for `archgraph why`;
    `parts` maps trial and history ids to their parts (name -> digest). A trial's part `history`
    is its history's id, under which the other parts that it depends on stand.
    """

    name: str
    source: Mapping[str, Any]
    digest: str
    arms: tuple[Arm, ...]
    datasets: Mapping[str, datasets.Dataset]
    histories: tuple[History, ...]
    trials: tuple[Trial, ...]
    conversations: Mapping[tuple[str, str], cases.Conversation]
    """By dataset and conversation id."""
    scorers: tuple[ScorerPlan, ...]
    primary: Mapping[str, str]
    """The primary scorer's name by dataset."""
    baseline: str
    judge: str = ""
    embedder: str = ""
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    alpha: float = 0.05
    margin: float = 0.05
    confounds: tuple[str, ...] = ()
    unremovable: Mapping[str, str] = field(default_factory=dict)
    """Ablations that there is no arm for (`memgpt without recall`), and why."""
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """Versions, hashes, seeds and data of this run, in plain form."""

    def fed(self, arm: str, dataset: str) -> list[cases.Conversation]:
        """The histories that an arm lives through on a dataset, each once."""
        ids = {each.conversation: None for each in self.histories
               if each.arm == arm and each.dataset == dataset}  # fmt: skip
        return [self.conversations[dataset, id] for id in ids]
