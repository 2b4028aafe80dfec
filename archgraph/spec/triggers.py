"""Triggers as a file writes them, and durations.

Part of `architecture`. Knows nothing of events that stores offer; the checks do.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic_core import PydanticCustomError

from archgraph import errors

DURATION = r"^[1-9][0-9]{0,6}(s|m|h|d)$"
EVENT = r"^[A-Za-z][A-Za-z0-9_]*\.[a-z_]+$"
KINDS = ("event", "every", "at", "idle", "crosses", "signal")

Duration = Annotated[str, pydantic.Field(pattern=DURATION)]
"""A time such as `30s`, `10m`, `2h` or `1d`."""
Event = Annotated[str, pydantic.Field(pattern=EVENT)]
"""`node.event`, for example `window.pressure`, `main.turn` or `agent.opened`."""

Field = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
Plain = bool | int | float | str

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Model(pydantic.BaseModel):
    """The settings that all models of the language share."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, serialize_by_alias=True
    )


class Crosses(Model):
    """A measure of a store that rises over a number."""

    of: Event
    """`store.measure`, for example `archival.count`."""
    over: float = pydantic.Field(allow_inf_nan=False)
    """The trigger fires when the measure rises over this, and is armed again below it."""
    since: Literal["last_run"] | None = None
    """With `last_run` the measure's rise since this thread's last run ended counts, instead of the
    measure itself. What is written during a run of this thread does not count."""

    @pydantic.model_validator(mode="after")
    def _rises(self) -> Crosses:
        if self.since and self.over < 0:  # no rise at all would make the thread due for ever
            hint = {"hint": "give the rise at which the thread is due"}
            raise PydanticCustomError("wrong-value", "`over` is below 0, with `since`", hint)
        return self


class Trigger(Model):
    """A rule that makes a thread due: `user_message`, or exactly one of the keys that say when."""

    event: Event | Literal["user_message"] | None = None
    """`node.event`, or `user_message`."""
    every: Annotated[int, pydantic.Field(ge=1)] | Duration | None = None
    """A time such as `30m`, or with `of` every so many events."""
    of: Event | None = None
    """The event that `every: N` counts."""
    at: Annotated[str | None, pydantic.Field(pattern=r"^\S+( +\S+){4}$")] = None
    """A cron line of five fields on the agent's clock (UTC)."""
    idle: Duration | None = None
    """The time without input after which the thread is due."""
    crosses: Crosses | None = None
    """A measure of a store that rises over a number."""
    signal: Annotated[str | None, pydantic.Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")] = None
    """A tool; the thread is due when another thread has called it."""
    mode: Literal["foreground", "background", "note"] | None = None
    """Whether the turn waits for it. Background for timers, `idle`, and `every` on another
    thread's events, foreground otherwise. With `note` the thread is only told (`say`) at its next
    step, and does not become due."""
    busy: Literal["skip", "queue", "coalesce"] = "coalesce"
    """What happens when it fires while the thread is busy."""
    where: dict[Field, Plain | list[Plain]] | None = None
    """With `event` and `every: N, of:`: only events whose fields have these values, for example
    `{kind: user}` of a log's `write`. A list allows any of its values."""
    say: Annotated[str, pydantic.Field(pattern=r"\.jinja2$")] | Literal[False] | None = None
    """A template whose text is put into the thread's log when it fires. With `false` nothing is
    put there: the thread goes on with what its window shows."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value == "user_message":
            return {"event": value}
        if re.fullmatch(EVENT, value):
            hint = {"hint": f"write {{event: {value}}}"}
        elif errors.nearest(value, ["user_message"]):
            hint = {"hint": 'did you mean "user_message"?'}
        else:
            hint = {"hint": "write user_message, or a mapping such as {every: 30m}"}
        raise PydanticCustomError("wrong-value", "this is not a trigger", hint)

    @pydantic.model_validator(mode="after")
    def _one_kind(self) -> Trigger:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            hint = {"hint": f"give one of {', '.join(KINDS)}"}
            raise PydanticCustomError("missing-key", "the trigger does not say when", hint)
        if len(given) > 1:
            hint = {"hint": "make a trigger of each"}
            raise PydanticCustomError("wrong-value", " and ".join(given) + " in one trigger", hint)
        if isinstance(self.every, int) and self.of is None:
            hint = {"hint": "add `of: node.event`, or write a time such as 30m"}
            raise PydanticCustomError("missing-key", "every so many of what?", hint)
        fields = self.of or self.event not in (None, "user_message")
        if self.where is not None and not fields:
            hint = {"hint": "write it beside `event` or `every: N, of:`"}
            raise PydanticCustomError("wrong-value", "`where` looks at the fields of events", hint)
        if self.of is not None and not isinstance(self.every, int):
            hint = {"hint": "write `every: N` with it, or delete `of`"}
            raise PydanticCustomError("wrong-value", "`of` counts events for `every: N`", hint)
        return self


def seconds(duration: str) -> float:
    """Seconds of a duration such as `30m`."""
    return float(int(duration[:-1]) * _SECONDS[duration[-1]])
