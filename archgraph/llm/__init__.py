"""The seam to models: gateways and embedders. Called by the runtime; knows no stores and no agents."""
