"""Works with code that it is given: tries it, has it judged, keeps it, and runs what it kept.

Called by the offline policy where there are tools for code. It writes no code of its own: what it
tries stands in a fenced block of the user's message, and another block of the same message is its
only other attempt. Every rule is listed in docs/explanation/offline-policy.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from archgraph.llm import extractive_code_tools as code_tools
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_moves import Call, Move
from archgraph.llm.extractive_reading import Attempt, Event, Window

_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?```", re.S)
_KEEP = re.compile(
    r"\b(?:keep|save|store|remember|learn\w*|memori[sz]e|skill|later|from now on)\b", re.I
)
_WANTS = re.compile(r"^\s*(?:please\s+|now\s+)*(?:use|run|do|apply|execute|perform|call|make)\b|"
                    r"\b(?:your|the|that|this) (?:skill|program|script)\b", re.I)  # fmt: skip
_CALLED = re.compile(
    r"\b(?:called|named|name it|call it|as)\s+[`\"']?([a-z_]\w{1,60})\b[`\"']?", re.I
)
_DEFINED = re.compile(r"^def ([a-z_]\w*)\(", re.M)
_SKILL = re.compile(r"^[-*]\s*(\w+): (.*?)(?: \(takes ([\w, ]+)\))?$", re.M)
_ABOUT_CODE = re.compile(r"\b(?:skills?|programs?|scripts?|code)\b", re.I)
_JUDGES = re.compile(r"critic|judge|verdict|verif|review|assess", re.I)
_ANSWER = re.compile(r"\banswers?: (.*)$", re.I | re.S)
_FAILED = re.compile(r"\b(?:error|exception|traceback|failed|failure)\b", re.I)
_EXPECTED = re.compile(
    r"\b(?:should|must|has to) (?:give|print|return|be|show|say|yield)\s+[`\"']?(.+?)[`\"']?"
    r"(?=\s+(?:for|when|with|if|on)\b|[.,;!](?:\s|$)|\n|$)", re.I,
)  # fmt: skip
_LEAST = 2
"""Words that a request and a skill's description must share."""
_NAME_WORDS = 4
_SHOWN = 300

Reply = Callable[[str], Move]


def next_move(window: Window, kit: tools.Kit, reply: Reply) -> Move | None:
    """What to do about code in the user's message, or with a skill that it asks for."""
    message = window.message
    if message is None:
        return None
    blocks = _FENCE.findall(message.text)
    if blocks and kit.one(code_tools.TRY_CODE):
        return _work_on(window, kit, message, blocks, reply)
    if not blocks and kit.one(code_tools.RUN_CODE) and _WANTS.search(message.text):
        return _use(window, kit, message, reply)
    return None


def verdict(window: Window) -> str:
    """Whether a task was achieved, by the output that a question shows; empty if it shows none."""
    said = window.message.text if window.message else ""
    task, found, output = said.partition("\nOutput:\n")
    if not found or not _JUDGES.search(window.system):
        return ""
    output = output.partition("\nCode:\n")[0]
    failure = next((line for line in output.splitlines() if _FAILED.search(line)), "")
    if failure:
        return f"no: the output tells of a failure: {failure[:_SHOWN]}"
    wanted = _EXPECTED.search(task)
    if wanted and wanted[1].strip() not in output:
        return f"no: the output should hold {wanted[1].strip()[:_SHOWN]!r}, and does not"
    return "yes: the output shows what was asked for" if wanted else "yes: nothing went wrong"


# --- trying and keeping --------------------------------------------------------------------------


def _work_on(
    window: Window, kit: tools.Kit, message: Event, blocks: Sequence[str], reply: Reply
) -> Move | None:
    """Try the blocks in turn until one does well; keep that one if that is wanted."""
    trying = kit.of(code_tools.TRY_CODE)[0]
    last = "there is no code in it"
    for block in blocks:
        tried = _attempt(window, trying, block)
        if tried is None:
            return _call(trying, "I try it first.", text=block, **_sample(trying, message))
        last = tried.text or ""
        if not tried.ok:
            continue
        judged = _judged(window, kit, message, block, tried)
        if isinstance(judged, Move):
            return judged
        if judged:
            last = judged
            continue
        return _keep(window, kit, message, block, reply) or reply(_told(last))
    return reply(f"It did not work, so I have not kept it. {_last_line(last)}")


def _keep(window: Window, kit: tools.Kit, message: Event, block: str, reply: Reply) -> Move | None:
    saving = kit.one(code_tools.SAVE_CODE)
    if saving is None or not _KEEP.search(_prose(message)):
        return None
    done = _attempt(window, saving, block)
    if done is not None:
        return reply(_told(done.text or "") if done.ok else f"It works, but: {done.text}")
    name = _name(message, block)
    given = {"id": name, "value": _described(message, name), "text": block}
    given |= _sample(saving, message)
    return _call(saving, "It works, so I keep it.", **given)


def _judged(
    window: Window, kit: tools.Kit, message: Event, block: str, tried: Attempt
) -> Move | str:
    """The question to a critic, where there is one; else why it is not content, empty if it is."""
    critic = next((t for t in kit.tools if t.text and _JUDGES.search(t.said) and not t.id), None)
    if critic is None:
        return ""
    asked = [a for a in window.since_asked if a.name == critic.name]
    place = [a for a in asked if block in str(a.arguments.get(critic.text, ""))]
    if not place:
        text = f"Task: {_prose(message)}\nOutput:\n{tried.text}\nCode:\n{block}"
        return _call(critic, "I have it judged.", text=text)
    answers = [m[1] for e in window.events[window.asked + 1 :] if (m := _answer(e))]
    number = asked.index(place[-1])
    answer = answers[number].strip() if number < len(answers) else ""
    return answer if re.match(r"no\b", answer, re.I) else ""


def _answer(event: Event) -> re.Match[str] | None:
    """What another thread answered, told by the system."""
    return _ANSWER.search(event.text) if event.kind in ("idle", "note", "user") else None


# --- running what was kept -----------------------------------------------------------------------


def _use(window: Window, kit: tools.Kit, message: Event, reply: Reply) -> Move | None:
    """Find a skill for what is asked, in view or by a search, and run it."""
    running = kit.of(code_tools.RUN_CODE)[0]
    done = [a for a in window.since_asked if a.name == running.name]
    if done:
        text = done[-1].text or ""
        return reply(_told(text) if done[-1].ok else f"It failed. {_last_line(text)}")
    skill = _fitting(window, message)
    if skill:
        name, takes = skill
        return _call(running, "I know how to do this.", id=name, **_given(running, message, takes))
    for tool in kit.of(tools.SEARCH):
        made = any(a.name == tool.name for a in window.since_asked)
        if _ABOUT_CODE.search(tool.said) and not made:
            query = " ".join(words.terms(message.text))
            return _call(tool, "I look for a skill.", text=query)
    return None


def _fitting(window: Window, message: Event) -> tuple[str, list[str]] | None:
    """The skill in view whose name and description share most with a request."""
    wanted = words.stems(message.text)
    best: tuple[int, str, list[str]] = (_LEAST - 1, "", [])
    for name, told, takes in _seen(window):
        shared = len(wanted & words.stems(f"{name.replace('_', ' ')} {told}"))
        if shared > best[0] or re.search(rf"\b{name}\b", message.text):
            best = (shared, name, [each.strip() for each in takes.split(",") if each])
    return best[1:] if best[1] else None


def _seen(window: Window) -> Iterator[tuple[str, str, str]]:
    for block in window.blocks:
        yield from _SKILL.findall(block.text)
    for attempt in window.since_asked:
        if attempt.ok:
            yield from _SKILL.findall(attempt.text or "")


def _given(tool: tools.Tool, message: Event, takes: Sequence[str]) -> dict[str, Any]:
    """Arguments that a message states: a JSON object, or for a single one what follows a colon."""
    if not tool.items:
        return {}
    found = re.search(r"\{.*\}", message.text, re.S)
    value = _json(found[0]) if found else None
    if isinstance(value, dict):
        return {"items": value}
    rest = message.text.rpartition(": ")[2].strip()
    if len(takes) == 1 and rest != message.text.strip():
        value = _json(rest)
        return {"items": {takes[0]: rest if value is None else value}}
    return {}


# --- small parts ---------------------------------------------------------------------------------


def _call(tool: tools.Tool, thought: str, **given: Any) -> Move:
    return Move((Call(tool, tools.arguments(tool, True, thought, **given)),))


def _attempt(window: Window, tool: tools.Tool, block: str) -> Attempt | None:
    """The last call of a tool with this code since the user's message."""
    made = [a for a in window.since_asked if a.name == tool.name and a.text is not None]
    return next((a for a in reversed(made) if a.arguments.get(tool.text) == block), None)


def _sample(tool: tools.Tool, message: Event) -> dict[str, Any]:
    """Arguments for a trial, if the message states a JSON object outside of its code."""
    found = re.search(r"\{.*\}", _prose(message), re.S)
    value = _json(found[0]) if found else None
    return {"items": value} if tool.items and isinstance(value, dict) else {}


def _prose(message: Event) -> str:
    return " ".join(_FENCE.sub(" ", message.text).split())


def _described(message: Event, name: str) -> str:
    """What a skill does: the sentence of the message that says most, without what to do with it."""
    sentences = words.sentences(_prose(message)) or [name]
    best = max(sentences, key=lambda sentence: len(words.stems(sentence)))
    return re.sub(rf"^.*\b{name}\b:\s+", "", best) or best


def _name(message: Event, block: str) -> str:
    """A name that the message or the code gives, else the first words of the message."""
    called = _CALLED.search(_prose(message))
    if called:
        return called[1].lower()
    defined = next((name for name in _DEFINED.findall(block) if name != "main"), "")
    first = [*words.sentences(_prose(message)), ""][0]
    terms = [t for t in words.terms(first) if t.isidentifier() and not _KEEP.match(t)]
    return defined or "_".join(terms[:_NAME_WORDS]).lower() or "skill"


def _told(text: str) -> str:
    return text.strip()[:_SHOWN] or "Done."


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:_SHOWN] if lines else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
