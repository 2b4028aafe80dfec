"""An architecture without a fault, its templates, and a way to break it in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOOD = """\
archgraph: 1
name: pair
about: A thread that talks and a thread that tends.
params:
  model: offline/extractive
  context_window: 8192
  core_limit: 1000
  warn_at: 0.7

stores:
  persona: {type: block, limit: "${core_limit}", text: I am Sam.}
  summary: {type: block, limit: 800, readonly: true}
  recall: {type: log}
  diary: {type: log}
  window:
    type: queue
    over: recall
    warn_at: "${warn_at}"
    evict_to: 0.5
    evict: {summarize: summary, prompt: pair/summary.jinja2}
  archival: {type: collection, index: [text]}

tools:
  send_message: {verb: reply}
  finish: {verb: finish}
  core_append: {verb: append, stores: [persona]}
  archival_search: {verb: search, stores: [archival], fixed: {page: 0}}
  archival_insert: {verb: insert, stores: archival}

threads:
  main:
    model: "${model}"
    context_window: "${context_window}"
    prompt: pair/main.jinja2
    log: recall
    context: [persona, summary, window]
    tools: [send_message, archival_search]
    triggers:
      - user_message
      - {event: window.pressure, say: pair/pressure.jinja2}
    heartbeat: {when: [requested, failed], max_steps: 8}
    options: {temperature: 0.2}
  tender:
    model: "${model}"
    context_window: "${context_window}"
    prompt: pair/tender.jinja2
    log: diary
    context:
      - persona
      - {store: recall, since: last_run, of: main}
    tools: [core_append, archival_insert, finish]
    triggers:
      - {every: 5, of: main.turn, mode: background}
      - {idle: 10m}
    heartbeat: {when: always, until: finish, max_steps: 4}
"""

TEMPLATES = {
    "main": "You talk.\n{{ persona }}\n{% for tool in tools %}{{ tool.name }}\n{% endfor %}",
    "tender": "You tend.\n{{ recall }}\n{{ persona }}\n",
    "summary": "Say it in fewer words.\n",
    "pressure": "The window is nearly full.\n",
}

MARK = "§"
"""Stands where a problem must be told; taken out before the file is written."""


@dataclass(frozen=True)
class Fault:
    """A replacement in the good file (or a template) and how it must be answered."""

    name: str
    old: str
    new: str
    code: str
    remedy: str
    template: str = ""
    severity: str = "error"
    alone: bool = True


def write(folder: Path, text: str = GOOD, templates: dict[str, str] | None = None) -> Path:
    """The architecture and its templates as files."""
    (folder / "prompts" / "pair").mkdir(parents=True, exist_ok=True)
    for name, source in (TEMPLATES if templates is None else templates).items():
        (folder / "prompts" / "pair" / f"{name}.jinja2").write_text(source, encoding="utf-8")
    file = folder / "pair.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def broken(folder: Path, fault: Fault) -> tuple[Path, str, int, int]:
    """The broken architecture, the file that has the fault, and its line and column."""
    good = TEMPLATES[fault.template] if fault.template else GOOD
    assert good.count(fault.old) >= 1, f"{fault.name}: nothing to break"
    text = good.replace(fault.old, fault.new, 1)
    before, mark, _ = text.partition(MARK)
    assert mark, f"{fault.name}: no mark"
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    text = text.replace(MARK, "")
    if fault.template:
        file = write(folder, templates={**TEMPLATES, fault.template: text})
        return file, f"{fault.template}.jinja2", line, column
    return write(folder, text), "pair.yaml", line, column
