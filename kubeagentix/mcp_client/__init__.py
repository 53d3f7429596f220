"""What a user's own MCP servers bring: their tools, as tools of ours. `from mcp import …` is the official package."""
