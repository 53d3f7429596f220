"""A diagnosis as text, one format per file."""
