"""SQLite, and nothing that knows of agents."""
