"""Settling: what the next steps of resting threads would have to evict is evicted beforehand.

Called by the scheduler. An agent that is about to be forked many times makes room once, so that
its forks do not each pay for it. Says what is to go; the scheduler commits the evictions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archgraph.graph import plan as plans
from archgraph.runtime import evict, reduce_runs, step, tick, world


@dataclass(frozen=True, slots=True)
class Eviction:
    """What leaves a queue, with its summary; `partly` if that cannot be of all that must go."""

    queue: str
    summary: evict.Summary
    partly: bool


def resting(w: world.World, state: tick.AgentState) -> list[str]:
    """The threads that may act in the foreground, are in no run, and show a queue.

    Pipelines have no window; a window without a queue evicts nothing, and making it may cost a
    search.
    """
    return [
        name
        for name, thread in w.plan.threads.items()
        if not thread.pipeline and not state.threads[name].run and _foreground(thread)
        and w.renderer.shown_queues(thread)
    ]  # fmt: skip


def eviction(
    w: world.World, state: tick.AgentState, event: tick.Tick, left: str = ""
) -> Eviction | None:
    """What the first step of a run that begins now would have to evict; warnings are left to it.

    None if the window fits, or if it or the summary's prompt cannot be made: the step that needs
    it tells why. `left` is the queue that the last eviction did not bring down to `evict_to`: that
    is done in any case, so that the next messages find the room that an eviction is to give.
    """
    thread = w.plan.threads[event.thread]
    try:
        wanted = _needed(w, thread, state, left)
        if not wanted.queue:
            return None
        made = evict.summarise(w, thread, state.threads[thread.name], event, wanted)
    except step.NOT_THE_RUNS:
        raise
    except Exception:  # a plugin's bug or a template's, or an embedder that does not answer
        return None
    return Eviction(wanted.queue, made, len(made.rows) < len(wanted.victims))


def _needed(
    w: world.World, thread: plans.ThreadPlan, state: tick.AgentState, left: str
) -> evict.Need:
    begun, _ = reduce_runs.begin(state, thread.name, state.turns + 1, background=False)
    last = w.db.value("SELECT max(seq) FROM record") or 0
    present = replace(begun.threads[thread.name], upto={tick.RUN_START: last})
    window = w.renderer.build(thread, present)
    return evict.need(w, thread, present, window, warns=False, left=left)


def _foreground(thread: plans.ThreadPlan) -> bool:
    modes = {trigger.mode for trigger in thread.triggers}
    return not modes or "foreground" in modes  # without triggers it is asked by other threads
