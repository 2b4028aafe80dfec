"""An architecture as an agent of Inspect AI, so that Inspect's tasks run on it.

`archgraph_agent("memgpt", core_limit=500)` in a task, or `--solver
archgraph/suites/inspect_bridge.py@archgraph_agent -S architecture=memgpt` on Inspect's command
line. The only module that imports `inspect_ai` (extra `inspect`); nothing else imports it.

Each sample is a fresh agent in memory. It lives in a thread of its own, for the engine is
synchronous; with `model="inspect"` its requests come back to Inspect's loop and go through
`get_model().generate`, so that Inspect's limits, cache, log and usage see every one of them.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal

import anyio
import anyio.from_thread
import anyio.to_thread
from inspect_ai import agent as inspecting
from inspect_ai import model as models
from inspect_ai import tool as tools

from archgraph import clock, errors, messages
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.spec import load
from archgraph.suites.planning import arms

START = 1_700_000_000.0
"""Where virtual clocks begin, in seconds since 1970."""

INSPECT = "inspect"
"""As `model`: let Inspect's own model answer."""


def _agent(
    architecture: str,
    model: str = "",
    time: Literal["virtual", "wall"] = "virtual",
    history: Literal["observe", "converse"] = "observe",
    seed: int = 0,
    **overrides: Any,
) -> Any:
    """An architecture as an agent; also good as a solver.

    A sample's last user message is sent. What stands before it is its history: with `observe` the
    agent overhears it, with `converse` the user's part is sent and the agent makes its own replies.
    A system message is put before the user message that follows it, for an architecture has prompts
    of its own.

    Args:
        architecture: a shipped name, or the path of a YAML file.
        model: `inspect` for the model of the evaluation, a name as in an architecture for another,
            nothing for the architecture's own.
        time: the agent's clock.
        history: how messages before the last one are given.
        seed: of every agent.
        **overrides: parameters and nodes (None removes one), as after `--set`.
    """
    texts = [arms.setting(name, value) for name, value in overrides.items()]
    texts += [arms.setting("model", model)] if model not in ("", INSPECT) else []
    plan = compiling.compile(load.load(architecture, texts)).plan

    async def run(state: Any) -> Any:
        gateway = _Gateway(models.get_model()) if model == INSPECT else None
        made = agents.Setup(clock.VirtualClock(START) if time == "virtual" else None, gateway)
        talk = list(_conversation(state.messages))
        work = functools.partial(_lived, plan, made, talk, history, seed)
        turn = await anyio.to_thread.run_sync(work)
        name = model if model != INSPECT else str(models.get_model())
        state.output = models.ModelOutput.from_content(name or plan.name, turn.reply)
        told = {"status": turn.status, "reason": turn.reason, "steps": turn.steps}
        state.output.metadata = {"archgraph": told}
        state.messages.append(state.output.message)
        return state

    return run


archgraph_agent: Any = inspecting.agent(name="archgraph_agent")(_agent)


def _conversation(given: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Role and text of each message, up to the last one of the user's; rules go before a message.

    Raises:
        InputError: there is no user message.
    """
    last = max((n for n, each in enumerate(given) if each.role == "user"), default=-1)
    if last < 0:
        raise errors.InputError("the sample has no user message to send to the agent")
    rules: list[str] = []
    for each in given[: last + 1]:
        if each.role == "system":
            rules.append(each.text)
        else:
            yield (
                each.role,
                "\n\n".join([*rules, each.text] if each.role == "user" else [each.text]),
            )
            rules = [] if each.role == "user" else rules


def _lived(
    plan: plans.Plan, made: agents.Setup, talk: Sequence[tuple[str, str]], history: str, seed: int
) -> agents.Turn:
    """The last turn of a fresh agent that was given a conversation."""
    with agents.create(plan, seed=seed, setup=made) as agent:
        for role, text in talk[:-1]:
            if history == "observe":
                agent.observe(text, role=role)
            elif role == "user":
                agent.send(text)
            agent.work(timers=False)
        return agent.send(talk[-1][1])


class _Gateway:
    """Inspect's model as a gateway; called in a thread that Inspect's loop has started."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def complete(self, request: llm.Request) -> messages.Completion:
        """Answer one request.

        Raises:
            ContextOverflow: the model says that the request is too long.
        """
        ask = functools.partial(
            self._model.generate,
            [_message(each) for each in request.messages],
            tools=[_tool(each["function"]) for each in request.tools],
            tool_choice={"required": "any"}.get(request.tool_choice, request.tool_choice),
            config=models.GenerateConfig(
                max_tokens=request.max_tokens,
                seed=request.seed,
                temperature=request.options.get("temperature"),
            ),
        )
        return _completion(anyio.from_thread.run(ask))

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, messages.Completion]:
        """Answer one request in one piece."""
        return llm.completed(self, request)


def _message(wire: messages.Wire) -> Any:
    """A message of the chat API as Inspect has it."""
    text = str(wire.get("content") or "")
    if wire["role"] == "system":
        return models.ChatMessageSystem(content=text)
    if wire["role"] == "user":
        return models.ChatMessageUser(content=text)
    if wire["role"] == "tool":
        return models.ChatMessageTool(
            content=text, tool_call_id=wire.get("tool_call_id"), function=wire.get("name")
        )
    calls = [_call(each) for each in wire.get("tool_calls", ())]
    return models.ChatMessageAssistant(content=text, tool_calls=calls or None)


def _call(wire: messages.Wire) -> Any:
    written, wrong = wire["function"]["arguments"], None
    try:
        arguments = json.loads(written)
    except ValueError as error:
        arguments, wrong = {}, f"{error}: {written}"
    if not isinstance(arguments, dict):
        arguments, wrong = {}, f"no object: {written}"
    return tools.ToolCall(wire["id"], wire["function"]["name"], arguments, wrong)


def _tool(function: messages.Wire) -> Any:
    return tools.ToolInfo(
        name=function["name"],
        description=function.get("description", ""),
        parameters=tools.ToolParams.model_validate(function["parameters"]),
    )


def _completion(output: Any) -> messages.Completion:
    if output.stop_reason == "model_length":
        raise errors.ContextOverflow("Inspect's model says that the request is too long")
    used = output.usage or models.ModelUsage()
    cached = used.input_tokens_cache_read or 0
    sent = used.input_tokens + cached + (used.input_tokens_cache_write or 0)
    return messages.Completion(
        text=output.completion,
        tool_calls=tuple(
            messages.ToolCall(
                each.id, each.function,
                each.parse_error if each.parse_error else json.dumps(each.arguments),
            )
            for each in output.message.tool_calls or ()
        ),
        usage=messages.Usage(sent, used.output_tokens, cached, used.total_cost),
        finish_reason={"max_tokens": "length"}.get(output.stop_reason, output.stop_reason),
        model=output.model,
    )  # fmt: skip
