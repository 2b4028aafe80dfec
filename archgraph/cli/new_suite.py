"""`new suite`: a commented suite file to begin from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from archgraph import errors
from archgraph.cli import screen

TEXT = """\
suite: {name}
question: Does paging its own memory beat a fixed window?

architectures: [{architectures}]
baseline: fixed_window            # the arm that the others are compared with
models: [offline/extractive]      # each arm runs on each; a policy, not a language model

datasets:
  - nested_kv: {{depths: [0, 1, 2], orderings: 10}}
  # - jsonl: {{path: my_cases.jsonl}}                     your own data
  # - locomo: {{path: locomo10.json}}                     a published set that you have

# vary: {{memgpt.core_limit: [500, 2000]}}                more arms, one for each value
# ablate: {{memgpt: [archival, pause_heartbeats]}}        more arms, each without a node; or: all
# seeds: {{ingest: 3, answer: 2}}                         needed with a real model
# budget: {{tokens_per_case: 20000}}                      cut every arm at the same tokens
# max_cost: 5.00                                        dollars; stops cleanly, can go on
# faults: {{rate: 0.1, kinds: [bad_json, timeout]}}       how well is trouble survived?
# scorers: [contains, {{evidence_recall: 10}}]            instead of the dataset's own
# judge: openai/gpt-4o-mini                             the model behind the scorer `judge`

alpha: 0.05                       # of the whole family of comparisons (Holm)
margin: 0.05                      # differences inside it count as equivalent
"""


@click.command()
@click.argument("name")
@click.option(
    "--folder", default=".", type=click.Path(file_okay=False), help="Where to write; here."
)
@click.option(
    "--architecture", "architectures", multiple=True, metavar="ARCH",
    default=("memgpt", "text_rag", "fixed_window", "no_memory"), show_default=True,
    help="An arm; repeatable.",
)  # fmt: skip
def suite(name: str, folder: str, architectures: tuple[str, ...]) -> None:
    """Write a suite: which architectures to compare, on what, and how.

    NAME becomes NAME.yaml, and the run is then kept in runs/NAME.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", name):
        raise errors.InputError(
            f"{name!r} cannot be a name: letters, digits, - and _, as in window-sizes"
        )
    target = Path(folder) / f"{name.removesuffix('.yaml')}.yaml"
    if target.exists():
        raise errors.InputError(f"{target} is there already; choose another name or --folder")
    arms = list(dict.fromkeys([*architectures, "fixed_window"]))
    target.parent.mkdir(parents=True, exist_ok=True)
    text = TEXT.format(name=target.stem, architectures=", ".join(arms))
    target.write_text(text, encoding="utf-8")
    out = screen.Screen()
    out.line(f"wrote {target}")
    out.line("\nNow:", "dim")
    out.line(f"  archgraph run {target} --dry-run     the plan: trials, calls, what can be seen")
    out.line(f"  archgraph run {target}")
    out.line(f"  archgraph report {target.stem} --open")
