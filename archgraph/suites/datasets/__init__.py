"""Datasets, one a file; each yields cases and knows no architecture."""
