"""The Jupyter side: magics and what they show."""
