"""Rules about threads: what they show, when they are due, and how they end."""

from __future__ import annotations

import dataclasses
import difflib
import re

from archgraph.graph import design, plan
from archgraph.llm import gateways, secret_options
from archgraph.spec import architecture, tree

_MODEL_OPTIONS = (
    "temperature", "top_p", "top_k", "seed", "stop", "timeout", "api_base", "api_key_env",
    "api_version", "base_url", "retries", "retry_cap", "extra_body", "extra_headers",
    "reasoning_effort", "presence_penalty", "frequency_penalty", "parallel_tool_calls",
    "tool_choice",
)  # fmt: skip
_CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_FIELDS = ("minute", "hour", "day", "month", "weekday")


def there_is_one(found: design.Design) -> None:
    """There is a thread, and one of them answers the user."""
    if not found.spec.threads:
        message, remedy = "there is no thread, so nothing can happen", "add one under `threads`"
        found.report("no-threads", message, remedy, ())
        return
    hearing = [thread for thread, _, each in found.triggers() if each.event == "user_message"]
    if not hearing:
        message = "no thread has the trigger user_message, so no message is ever answered"
        found.warn(
            "no-user-input", message, "add `triggers: [user_message]`", ("threads",), key=True
        )


def way_out(found: design.Design) -> None:
    """A thread that hears the user can be answered by someone, and a run can come to its end."""
    repliers = [name for name in found.spec.threads if plan.REPLY in found.verbs_of(name)]
    for name, thread in found.spec.threads.items():
        path: tree.Path = ("threads", name)
        verbs = found.verbs_of(name)
        hears = any(each.event == "user_message" for each in thread.triggers)
        by_tool = {plan.REPLY, plan.FINISH} & set(verbs)  # without them its plain text is heard
        if hears and by_tool and not repliers:
            message = f"{name!r} hears the user, and no thread has a tool with the verb reply"
            remedy = "add a tool `{verb: reply}` and offer it"
            found.report("no-way-out", message, remedy, path, key=True)
        beat = thread.heartbeat
        if isinstance(beat, str):
            continue
        ends = beat.until or beat.while_open or beat.rules.last or plan.FINISH in verbs
        forever = set(beat.when) & {"always", "called"}
        speaks = not by_tool and "always" not in forever  # "called": plain text ends the run
        if (
            forever
            and not ends
            and not speaks
            and not (plan.REPLY in verbs and "always" not in forever)
        ):
            message = f"a run of {name!r} ends only at max_steps: it can neither reply nor finish"
            remedy = "add a tool `{verb: finish}`, or `until:` with the tool that ends the run"
            found.report("no-way-out", message, remedy, (*path, "heartbeat"))
        elif "requested" in beat.when and not found.tools_of(name):
            message = f"{name!r} has no tools, so it cannot request a heartbeat"
            found.warn("useless-heartbeat", message, "delete it", (*path, "heartbeat", "when"))


def context_items(found: design.Design) -> None:
    """What stands in a window has a bound, and can be shown in the way that is asked for."""
    for thread, index, item in found.contexts():
        if item.store not in found.types:
            continue
        path: tree.Path = ("threads", thread, "context", index)
        kind = found.spec.stores[item.store].type
        if item.since and not found.keeps_messages(item.store):
            message = f"{item.store!r} is a {kind}, which keeps no messages to show since then"
            found.report("since-not-a-log", message, "name a store of type log", path)
        elif item.search and "search" not in found.verbs(item.store):
            message = f"{item.store!r} is a {kind}, which cannot be searched"
            found.report("no-search", message, "name a store with the verb search", path)
        elif not item.since and not item.search:
            _bounded(found, thread, item, path)


def _bounded(
    found: design.Design, thread: str, item: architecture.ContextItem, path: tree.Path
) -> None:
    if found.spec.threads[thread].overflow == "fail" or item.cap:
        return
    if found.keeps_messages(item.store):
        message = f"all messages of {item.store!r} are shown, without a bound"
        remedy = f"show a queue over {item.store}, add `since:` or `cap:`, or say overflow: fail"
        found.report("no-cap", message, remedy, path)
    elif not found.options(item.store).token_cap() and not found.references(item.store):
        message = f"{item.store!r} has no bound on its tokens"
        found.report("no-cap", message, f"write {{store: {item.store}, cap: 500}}", path)


def cron_lines(found: design.Design) -> None:
    """Cron lines have five fields within their ranges."""
    for thread, index, trigger in found.triggers():
        if trigger.at is None:
            continue
        for field, bounds, name in zip(trigger.at.split(), _CRON, _CRON_FIELDS, strict=True):
            if not all(_cron_part(part, *bounds) for part in field.split(",")):
                message = f"{field!r} cannot be the {name}"
                remedy = f"give *, */n, a number or a range from {bounds[0]} to {bounds[1]}"
                path = ("threads", thread, "triggers", index, "at")
                found.report("bad-cron", message, remedy, path)


def _cron_part(part: str, low: int, high: int) -> bool:
    match = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", part)
    if not match:
        return False
    first, last, step = (int(each) if each is not None else None for each in match.groups())
    inside = all(low <= each <= high for each in (first, last) if each is not None)
    ordered = first is None or last is None or first <= last
    return inside and ordered and step != 0


def model_names(found: design.Design) -> None:
    """A model is named with its provider; only of `offline/` is known which models there are."""
    for name, thread in found.spec.threads.items():
        provider, _, rest = thread.model.partition("/")
        unread = "${" in thread.model  # a parameter that is no parameter, which is told already
        if not unread and not (provider and rest):
            message = f"the model {thread.model!r} is not named as provider/name"
            remedy = "write provider/name, for example openai/gpt-4o-mini"
            found.warn("model-name", message, remedy, ("threads", name, "model"))
        elif remedy := gateways.slip(thread.model):
            message = f"no model {thread.model!r}"
            found.report("unknown-name", message, remedy, ("threads", name, "model"))


def model_options(found: design.Design) -> None:
    """A model option that is nearly one of the common ones is probably misspelt."""
    for name, thread in found.spec.threads.items():
        for key in thread.options:
            near = difflib.get_close_matches(key, _MODEL_OPTIONS, n=1, cutoff=0.8)
            if near and key not in _MODEL_OPTIONS and not secret_options.is_secret(key):
                path = ("threads", name, "options", key)
                remedy = f'did you mean "{near[0]}"?'
                message = f"{key!r} is not a common option of models"
                found.warn("unknown-option", message, remedy, path, key=True)


def secrets(found: design.Design) -> None:
    """No key or password stands among a thread's options: it would be kept in every agent."""
    for name, thread in found.spec.threads.items():
        at: tree.Path = ("threads", name, "options")
        for place, value in secret_options.places(thread.options):
            message = "a key or password would be kept in every agent made of this, in clear"
            _secret(found, message, (*at, *place), value)
        variable = thread.options.get(secret_options.FROM_ENVIRONMENT)
        if variable is not None and not secret_options.is_variable(variable):
            message = "`api_key_env` is the name of an environment variable, not the key itself"
            _secret(found, message, (*at, secret_options.FROM_ENVIRONMENT), variable)


def _secret(found: design.Design, message: str, path: tree.Path, value: object) -> None:
    remedy = "put the key into an environment variable and name that: `api_key_env: MY_KEY`"
    in_key = isinstance(path[-1], str)
    told = found.loaded.problem("secret-in-file", message, remedy, path, key=in_key)
    shown = told.file.replace(str(value), "[hidden]")  # a `--set` is told with what it set
    found.problems.append(dataclasses.replace(told, file=shown))
