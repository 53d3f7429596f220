"""What a model may do in a cluster: one tool per file, JSON in, text and evidence out."""
