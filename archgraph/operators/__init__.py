"""The operators of pipelines, a few in each file: a typed model call, a rule, or a function."""
