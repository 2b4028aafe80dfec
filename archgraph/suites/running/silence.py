"""Notices a model that never answers: a wrong key or name would make every trial fail.

Asked by `broker` after each call that failed for good. Knows no limits and no trials.
"""

from __future__ import annotations

from archgraph import errors

PATIENCE = 3
"""Calls that a model may fail for good before it has answered any."""


class Silence:
    """Counts the failures of each model that has not answered in this session."""

    def __init__(self) -> None:
        self._answered: set[str] = set()
        self._failed: dict[str, int] = {}

    def broken(self, model: str) -> None:
        """The model answered."""
        self._answered.add(model)

    def lasts(self, model: str, error: errors.GatewayError) -> bool:
        """Whether a model has now failed often enough, and answered never, to be given up."""
        if model in self._answered or isinstance(error, errors.ContextOverflow):
            return False
        self._failed[model] = self._failed.get(model, 0) + 1
        return self._failed[model] >= PATIENCE
