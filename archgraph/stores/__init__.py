"""Memory types, one a file. A store type knows neither its siblings nor the runtime."""
