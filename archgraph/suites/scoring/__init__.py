"""Scorers, one a file: from what a trial did to a number. They know no agent and no statistics."""
