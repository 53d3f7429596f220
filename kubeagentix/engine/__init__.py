"""The agent: a question goes in, typed events come out, over as many rounds of tools as the model needs."""
