"""From declaration to plan: build the graph, check it, prove its budget, freeze it, draw it."""
