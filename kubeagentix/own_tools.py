"""Tools of one's own: a typed function becomes one with a decorator."""
