"""Tests of memory types."""
