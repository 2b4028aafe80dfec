"""Statistics: pure functions over numbers. They know no suite, no file and no agent."""
