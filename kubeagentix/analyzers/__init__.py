"""Pure functions from a snapshot to findings, one file per subject."""
