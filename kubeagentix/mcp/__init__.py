"""Our tools for any client that speaks MCP, over stdio or HTTP. `from mcp import …` is the official package."""
