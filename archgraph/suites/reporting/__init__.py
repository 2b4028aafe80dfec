"""From findings to what people read: tables, Markdown, CSV, JSON, LaTeX, one HTML page."""
