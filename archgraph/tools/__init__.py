"""What a model may call: schemas, argument checks, and the verbs that belong to no store."""
