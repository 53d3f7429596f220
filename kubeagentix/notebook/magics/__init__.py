"""One notebook magic per file."""
