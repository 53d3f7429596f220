"""The Claude Code program from outside: its environment, process, protocol, configuration and errors."""
