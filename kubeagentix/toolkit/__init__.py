"""What tools share: reading one object or many, pruning, tables, and arguments."""
