"""What is to be compared, as flags: used by `run` and by `search`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from archgraph import comparisons

_KEYS = ("repeats", "baseline", "judge", "max_cost", "max_calls", "seed", "mode")
"""Keys of a suite that have a flag of the same name."""


def asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and flags that say what is compared; the command gets them as `asked`."""

    @functools.wraps(function)
    def collapsed(*, what: Sequence[str], **chosen: Any) -> Any:
        return function(asked=_asked(what, chosen), **chosen)

    decorated: Callable[..., Any] = collapsed
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return click.argument("what", metavar="SUITE|ARCH...", nargs=-1)(decorated)


_OPTIONS = (
    click.option("--dataset", "datasets", multiple=True, metavar="NAME[:KEY=VALUE,...]",
                 help="Work to do: nested_kv, or locomo:path=FILE. Repeatable."),
    click.option("--model", "models", multiple=True, metavar="NAME",
                 help="A model for every arm. Repeatable: each arm runs on each."),
    click.option("--set", "sets", multiple=True, metavar="NAME=VALUE",
                 help="A parameter for every arm (context_window=4096). Repeatable."),
    click.option("--vary", multiple=True, metavar="ARM.PARAM=A,B,...",
                 help="More arms: one for each value. Repeatable."),
    click.option("--ablate", multiple=True, metavar="ARM=NODE,...|all",
                 help="More arms: each without one node; all: every node that can go."),
    click.option("--scorer", "scorers", multiple=True, metavar="NAME[:KEY=VALUE,...]",
                 help="How to score, instead of the dataset's own way. The first one decides."),
    click.option("--baseline", metavar="ARM", help="The arm that the others are compared with."),
    click.option("--repeats", type=click.IntRange(1), help="Times that every case is done."),
    click.option("--seed", type=int, help="Of the suite: everything that is drawn follows it."),
    click.option("--mode", type=click.Choice(["observe", "converse"]),
                 help="How histories are fed: logged, or sent message by message."),
    click.option("--judge", metavar="MODEL", help="The model behind the scorer `judge`."),
    click.option("--faults", type=click.FloatRange(0, 1), metavar="RATE",
                 help="The share of model calls that go wrong."),
    click.option("--tokens-per-case", type=click.IntRange(1), metavar="N",
                 help="Cut every arm's questions at the same number of tokens."),
    click.option("--max-cost", type=click.FloatRange(0), metavar="USD",
                 help="Stop before more is spent."),
    click.option("--max-calls", type=click.IntRange(1), metavar="N",
                 help="Stop before more paid calls are made."),
)  # fmt: skip


def _asked(what: Sequence[str], chosen: dict[str, Any]) -> comparisons.Asked:
    """Take what is asked out of the flags; the others stay in `chosen`."""
    from archgraph import comparisons

    more = {key: value for key in _KEYS if (value := chosen.pop(key)) is not None}
    if (rate := chosen.pop("faults")) is not None:
        more["faults"] = {"rate": rate}
    if (tokens := chosen.pop("tokens_per_case")) is not None:
        more["budget"] = {"tokens_per_case": tokens}
    lists = {key: tuple(chosen.pop(key))
             for key in ("datasets", "models", "sets", "scorers", "ablate", "vary")}  # fmt: skip
    return comparisons.Asked(what, more=more, **lists)
