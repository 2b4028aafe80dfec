"""The seam to models: gateways, embedders, token counts.

Called by the runtime and, for what is pure, by suites; knows no stores and no agents.
"""
