"""The conformance suite of store types, one group of checks a file.

`archgraph.testing` is its face.
"""
