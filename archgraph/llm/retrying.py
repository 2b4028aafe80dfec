"""Asks a provider again after passing trouble, a bounded number of times.

Used by the gateways and embedders that reach over a network. Knows no provider: the trouble
arrives as `GatewayFault`. There is no jitter: the same faults give the same waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from archgraph import errors

Answer = TypeVar("Answer")

FIRST_WAIT = 0.5
"""Seconds before the second attempt; doubled for each further one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how often a provider is asked.

    Attributes:
        retries: further attempts after the first one.
        timeout: seconds that one attempt may wait for the provider to say something.
        retry_cap: the longest wait between two attempts in seconds. A provider that asks for a
            longer one is not asked again: it would refuse.
    """

    retries: int = 4
    timeout: float = 60.0
    retry_cap: float = 30.0

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Bounds:
        """Read the bounds among gateway options.

        Raises:
            InputError: a bound is not a number, or is negative.
        """
        numbers = {name: options[name] for name in cls.__slots__ if options.get(name) is not None}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise errors.InputError(f"option {name!r} must be a number >= 0, not {value!r}")
        return cls(
            retries=int(numbers.get("retries", cls().retries)),
            timeout=float(numbers.get("timeout", cls().timeout)),
            retry_cap=float(numbers.get("retry_cap", cls().retry_cap)),
        )

    def wait(self, attempt: int, fault: errors.GatewayFault) -> float | None:
        """Seconds to wait after failed attempt number `attempt` (from 0); None to give up."""
        if attempt >= self.retries:
            return None
        if fault.retry_after is not None:
            return fault.retry_after if fault.retry_after <= self.retry_cap else None
        return float(min(self.retry_cap, FIRST_WAIT * 2**attempt))


def ask(once: Callable[[], Answer], bounds: Bounds, pause: Callable[[float], None]) -> Answer:
    """Call `once` until it answers or the bounds are used up.

    Raises:
        GatewayFault: the last fault, with the number of attempts.
    """
    attempt = 0
    while True:
        try:
            return once()
        except errors.GatewayFault as fault:
            seconds = bounds.wait(attempt, fault)
            if seconds is None:
                raise given_up(fault, attempt + 1) from None
        pause(seconds)
        attempt += 1


def given_up(fault: errors.GatewayFault, attempts: int) -> errors.GatewayFault:
    """The fault as it is shown after the last attempt."""
    times = "once" if attempts == 1 else f"{attempts} times"
    wish = f"; it asks to wait {fault.retry_after:g} s" if fault.retry_after else ""
    return errors.GatewayFault(f"{fault} (asked {times}{wish})", retry_after=fault.retry_after)
