"""One file a group of commands; a command is a few lines over archgraph.api."""
