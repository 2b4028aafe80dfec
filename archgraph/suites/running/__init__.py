"""Runs a plan: trials, the ledger, the broker of model calls, workers and engines."""
