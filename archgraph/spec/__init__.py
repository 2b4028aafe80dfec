"""What a YAML file may say: models without I/O, and the loader that gives every fault a place."""
