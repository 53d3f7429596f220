"""Ways to ask a model, one per file, each on its official client, imported when it is used."""
