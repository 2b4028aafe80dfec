"""What can be asked for within a conversation: /memory, /context, /step, /retry, /fork...

Called by `chat` for lines that begin with a slash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from archgraph import errors
from archgraph.cli import journal, screen

if TYPE_CHECKING:
    from archgraph.cli import conversation
    from archgraph.stores import base as stores

_MESSAGES = 20
"""Messages of a log that /memory STORE shows."""


def perform(talk: conversation.Conversation, line: str) -> bool:
    """Do what a line asks for; true if the conversation is over."""
    word, _, rest = line[1:].partition(" ")
    if word in ("quit", "exit", "q"):
        return True
    try:
        if word not in _VERBS:
            hint = errors.suggest(word, [*_VERBS, "quit"])
            raise errors.InputError(f"no command /{word}; {hint} (/help explains them)")
        _VERBS[word][0](talk, rest.strip())
    except errors.ArchgraphError as error:
        talk.out.line(screen.clean(str(error)), "bad")
    return False


def _help(talk: conversation.Conversation, rest: str) -> None:
    """Show this list."""
    rows = [(f"/{name} {usage}".strip(), text) for name, (_, usage, text) in _VERBS.items()]
    talk.out.table(("command", "does"), [*rows, ("/quit", "leave (as ctrl-D does)")])


def _memory(talk: conversation.Conversation, rest: str) -> None:
    if rest:
        _one_store(talk, rest)
        return
    parts = talk.agent.plan.stores
    talk.out.table(
        ("store", "type", "holds"),
        [(name, parts[name].type, fill(store)) for name, store in talk.agent.stores.items()],
    )
    for name, store in talk.agent.stores.items():
        text = "" if store.shows_messages or not hasattr(store, "text") else cast(Any, store).text
        if text:
            talk.out.line(f"\n{name}:", "name")
            talk.out.line(screen.clean(text))
    talk.out.line("\nall of one store: /memory STORE", "dim")


def _one_store(talk: conversation.Conversation, name: str) -> None:
    from archgraph.stores import base

    if name not in talk.agent.stores:
        raise errors.UnknownName("store", name, talk.agent.stores)
    store = talk.agent.stores[name]
    talk.out.line(f"{name}: {fill(store)}", "name")
    if not store.shows_messages:
        talk.out.line(screen.clean(store.render(base.View())) or "(empty)")
        return
    messages = _messages(store)
    if len(messages) > _MESSAGES:
        talk.out.line(f"(the newest {_MESSAGES} of {len(messages):,})", "dim")
    for kind, text in messages[-_MESSAGES:]:
        talk.out.line(f"{kind}: {screen.short(text, 200) or '(calls)'}")


def _messages(store: stores.Store) -> list[tuple[str, str]]:
    """The messages that a log keeps, or that a view shows of it: what each is, and its text."""
    from archgraph.stores import base

    if getattr(store.options, "over", ""):
        shown = cast(Any, store).window(base.View())
        return [(each.wire["role"], str(each.wire.get("content") or "")) for each in shown]
    return [(each.fields.get("kind", ""), each.content) for each in store.records.select()]


def fill(store: stores.Store) -> str:
    """How full a store is, in its own measures."""
    from archgraph.stores import base

    measured = {name: store.measure(name) for name in store.measures}
    limit = getattr(store.options, "limit", None)
    if "chars" in measured and limit:
        share = f"{measured['chars'] / limit:.0%}"
        return f"{measured['chars']:,.0f} of {limit:,} characters ({share})"
    if getattr(store.options, "over", ""):
        seen = len(cast(Any, store).window(base.View()))
        return f"a view of {screen.plural(seen, 'message')} in {store.options.over}"
    noun = "message" if store.shows_messages else "record"
    shown = [screen.plural(int(measured.pop("count", 0)), noun)]
    shown += [f"{value:,.0f} {name}" for name, value in measured.items() if value]
    return ", ".join(shown)


def _context(talk: conversation.Conversation, rest: str) -> None:
    from archgraph import api

    words = rest.split()
    full = "full" in words
    named = [word for word in words if word != "full"]
    thread = named[0] if named else next(iter(talk.agent.plan.threads))
    window = api.next_window(talk.agent, thread)
    talk.out.line(f"what {thread} would be sent now, in tokens:", "name")
    room = max(1, window.limit)
    talk.out.table(
        ("part", "tokens", "of the window"),
        [(part.name, f"{part.tokens:,}", f"{part.tokens / room:.0%}") for part in window.parts],
    )
    if full:
        journal.show_messages(talk.out, window.messages)
    else:
        talk.out.line(f"its text: /context {thread} full", "dim")


def _step(talk: conversation.Conversation, rest: str) -> None:
    if rest and not rest.isdigit():
        raise errors.InputError(f"/step wants a number, not {rest!r}")
    number = int(rest) if rest else talk.agent.db.value("SELECT max(id) FROM step")
    if number is None:
        raise errors.InputError("there is no step yet: say something first")
    journal.show_step(talk.out, talk.agent, number, hint=False)


def _retry(talk: conversation.Conversation, rest: str) -> None:
    from archgraph import api

    agent, text = api.take_back(talk.agent)
    talk.become(agent)
    talk.out.line(f"back to before: {screen.short(text, 70)}", "dim")
    talk.say(text)


def _fork(talk: conversation.Conversation, rest: str) -> None:
    if not rest:
        raise errors.InputError("/fork wants the name of a file: /fork nadia.db")
    talk.agent.fork(rest).close()
    talk.out.line(f"copied to {rest}; talk with it: archgraph chat {rest}")


_VERBS: dict[str, tuple[Callable[[conversation.Conversation, str], None], str, str]] = {
    "memory": (_memory, "[STORE]", "what the agent's stores hold, and how full they are"),
    "context": (_context, "[THREAD] [full]", "the next context window, tokens by part"),
    "step": (_step, "[N]", "what a step did; the last one if no number is given"),
    "retry": (_retry, "", "forget your last message and all it caused, and send it again"),
    "fork": (_fork, "FILE", "copy the agent, as it is now, into a file"),
    "help": (_help, "", "this list"),
}
