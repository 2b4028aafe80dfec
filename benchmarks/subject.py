raise ImportError("archgraph has no open_agent yet")
