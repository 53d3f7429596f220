"""`kubeagentix demo`: an embedded cluster with broken workloads, diagnosed at once, listed, or served to kubectl."""

from __future__ import annotations

import argparse
import shlex
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import kubeagentix as kx
from kubeagentix import options, registry
from kubeagentix.cli.output import write
from kubeagentix.cli.presenting import present
from kubeagentix.cli.progress import progress
from kubeagentix.contracts import CommandPlugin, ScenarioPlugin
from kubeagentix.errors import UsageError
from kubeagentix.report.files import PRIVATE, check_writable, write_file

MARK = "# Written by `kubeagentix demo --serve`, which removes it when it ends.\n"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO", help="run these only (default: all)")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--truth", action="store_true", help="with --list: say what is wrong in each")
    parser.add_argument("--serve", action="store_true", help="keep the cluster running, for kubectl")
    parser.add_argument("--kubeconfig", metavar="FILE", help="with --serve: write the kubeconfig here")
    parser.add_argument("--force", action="store_true", help="with --kubeconfig: overwrite the file, whatever it is")
    parser.add_argument("--port", type=int, default=0, help="listen on this port (default: a free one)")
    options.add_result_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lists, serves, or diagnoses."""
    _check(arguments)
    if arguments.list:
        write("\n".join((*listing(_chosen(arguments.scenario), has_truth=arguments.truth), "")))
    elif arguments.serve:
        _serve(arguments)
    else:
        _diagnose(arguments)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port <= 65535:
        raise UsageError(f"{arguments.port} is no port", hint="it must be from 0 to 65535")
    if arguments.list and arguments.serve:
        raise UsageError("--list and --serve exclude each other", hint="give one of them")
    result = (
        ("--output", arguments.output is not None),
        ("--format", arguments.format != "table"),
        ("--verbose", arguments.verbose),
    )
    serving = (("--kubeconfig", arguments.kubeconfig is not None), ("--force", arguments.force))
    lone = [f"{name} does nothing without --serve" for name, is_given in serving if is_given and not arguments.serve]
    lone += ["--truth does nothing without --list"] if arguments.truth and not arguments.list else []
    if arguments.list or arguments.serve:
        mode = "--list" if arguments.list else "--serve"
        lone += [f"{name} does nothing with {mode}, which diagnoses nothing" for name, is_given in result if is_given]
    if lone:
        raise UsageError(lone[0], hint="see kubeagentix demo --help")


def _chosen(names: Sequence[str]) -> Sequence[ScenarioPlugin]:
    if not names:
        return tuple(registry.scenarios().values())
    from kubeagentix.demo.running import choose_scenarios  # noqa: PLC0415  brings the server, which a list does not need

    return choose_scenarios(names)


def listing(scenarios: Sequence[ScenarioPlugin], *, has_truth: bool = False) -> list[str]:
    """One line per scenario: id, family, namespace, title; and the root causes, if asked for."""
    rows = [("SCENARIO", "FAMILY", "NAMESPACE", "TITLE")]
    rows += [(item.id, item.family, item.namespace, item.title) for item in scenarios]
    if has_truth:
        rows = [(*row[:3], truth) for row, truth in zip(rows, ("TRUTH", *map(_truth, scenarios)), strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])) for row in rows]


def _truth(scenario: ScenarioPlugin) -> str:
    return "; ".join(f"{truth.kind}/{truth.name} {truth.reason}" for truth in scenario.truths) or "healthy"


def _diagnose(arguments: argparse.Namespace) -> None:
    if arguments.output is not None:
        check_writable(arguments.output)
    with progress("starting the demo cluster") as listen, kx.demo(*arguments.scenario, port=arguments.port) as running:
        diagnosis = kx.diagnose(cluster=running, listen=listen)
    present(diagnosis, arguments)
    if arguments.format == "table" and arguments.output is None:
        write(_next_steps(arguments.scenario))


def _next_steps(scenarios: Sequence[str]) -> str:
    command = " ".join(("kubeagentix demo", *scenarios, "--serve --kubeconfig demo.yaml"))
    steps = {
        "kubeagentix demo --list": "what is in the demo cluster",
        command: "keep it running, for kubectl",
        "kubeagentix dx -n NAMESPACE": "ask your own cluster",
    }
    width = max(map(len, steps))
    return "\n".join(("", "Try next:", *(f"  {step:<{width}}  {what}" for step, what in steps.items()), ""))


def _serve(arguments: argparse.Namespace) -> None:
    path = arguments.kubeconfig
    if path is not None:
        _check_kubeconfig(path, is_forced=arguments.force)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: ended.set())
    with kx.demo(*arguments.scenario, port=arguments.port) as running:
        content = MARK + Path(running.kubeconfig).read_text(encoding="utf-8")
        if path is not None:
            write_file(path, content, mode=PRIVATE)
        try:
            write(_instructions(path or running.kubeconfig, len(running.scenarios)))
            ended.wait()
        finally:
            if path is not None:
                _remove(path, content)


def _check_kubeconfig(path: str, *, is_forced: bool) -> None:
    check_writable(path)
    with suppress(FileNotFoundError):
        is_ours = Path(path).read_bytes().startswith(MARK.encode())
        if not (is_ours or is_forced):
            raise UsageError(f"{path} exists and is not from a demo cluster", hint="choose another name, or --force")


def _remove(path: str, content: str) -> None:
    with suppress(OSError):
        if Path(path).read_text(encoding="utf-8") == content:  # not if another demo has it by now
            Path(path).unlink()


def _instructions(path: str, scenarios: int) -> str:
    file = shlex.quote(path)
    return "\n".join(
        (
            f"The demo cluster is running {scenarios} scenario{'' if scenarios == 1 else 's'}. Ctrl-C ends it.",
            "",
            f"  kubectl --kubeconfig {file} get pods -A",
            f"  kubeagentix dx -A --kubeconfig {file}",
            "",
        )
    )


plugin = CommandPlugin(
    id="demo", help="run a cluster of broken workloads, no Kubernetes needed", configure=configure, run=run
)
