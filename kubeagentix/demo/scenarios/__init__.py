"""One fault, or one healthy workload, per file."""
