"""`python -m archgraph` is the command `archgraph`."""

from archgraph.cli import main

main.run()
