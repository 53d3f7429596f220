"""Finds the subcommand that the words of a command line name, and runs it; tells what there is."""

from __future__ import annotations

from kubeagentix import registry
from kubeagentix.cli import output
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.options import OneLineParser, nearest

PROGRAM = "kubeagentix"


def run(words: list[str]) -> int:
    """Runs the subcommand that `words` name and returns its exit code. Raises KubeAgentiXError."""
    if words[:1] == ["help"] and len(words) > 1:
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        output.write(_help())
        return 0 if words else 2
    return _command(words[0], words[1:])


def _command(name: str, words: list[str]) -> int:
    command = registry.command(name)  # alone: all of them take half a second to load
    if command is None:
        commands = registry.commands()
        what = "option" if name.startswith("-") else "command"
        hint = nearest(name, commands) or f"the commands are {', '.join(commands)}"
        raise UsageError(f"unknown {what} {excerpt(name, 60)!r}", hint=hint)
    parser = OneLineParser(f"{PROGRAM} {name}", command.help)
    command.configure(parser)
    try:
        arguments = parser.parse(words)
    except SystemExit as ended:  # argparse printed the help
        return int(ended.code or 0)
    return command.run(arguments)


def _help() -> str:
    lines = (f"  {name:<10} {command.help}" for name, command in registry.commands().items())
    parser = OneLineParser(
        PROGRAM,
        "Find out why a Kubernetes workload is broken, with the evidence for every word.",
        "\n".join(("commands:", *lines, "", f"{PROGRAM} COMMAND --help says more.")),
    )
    parser.usage = f"{PROGRAM} [--help] [--version] COMMAND …"
    parser.add_argument("--version", action="store_true", help="print the version")
    return parser.format_help()
