"""Quick Dx, deterministic: collect, analyze, correlate, rank."""
