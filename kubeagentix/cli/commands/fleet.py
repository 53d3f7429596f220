"""`kubeagentix fleet`: Quick Dx of many clusters at once, and the same incident on many told once."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import kubeagentix as kx
from kubeagentix import options
from kubeagentix.cli import output
from kubeagentix.cli.progress import progress
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.errors import ClusterError, MissingExtraError, UnreachableError, UsageError, excerpt
from kubeagentix.fleet.asking import ClusterReported, FleetEvent
from kubeagentix.fleet.diagnosis import FleetDiagnosis
from kubeagentix.fleet.outline import outline
from kubeagentix.fleet.pools import PROCESSES, THREADS
from kubeagentix.report.files import check_writable, write_file
from kubeagentix.report.outline import WIDTH
from kubeagentix.report.wrapping import wrapped

FORMATS = ("table", "json", "markdown")
DASK_S = 10.0  # for a scheduler to answer


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_place_options(parser)
    parser.add_argument("-n", "--namespace", metavar="NS", help="this namespace of each (default: all)")
    options.add_lint_options(parser)
    parser.add_argument("--executor", choices=(THREADS, PROCESSES), help="where the work is done (default: what suits)")
    parser.add_argument("--dask", metavar="ADDRESS", help="the workers of this Dask scheduler, as tcp://host:8786")
    parser.add_argument("--workers", type=int, metavar="N", help="so many clusters at a time")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="for one cluster; what is late is not seen")
    parser.add_argument("--total-deadline", type=float, metavar="SECONDS", help="for all of them")
    options.add_result_options(parser, formats=FORMATS)
    options.add_fail_option(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Which clusters: `--contexts`, `--all-contexts`, `--kubeconfig`, `--kubeconfig-dir`."""
    parser.add_argument(
        "--contexts", action="append", metavar="A,B,…", help="these contexts; patterns such as 'prod-*'; again for more"
    )
    parser.add_argument("--all-contexts", action="store_true", help="all contexts of the kubeconfig")
    parser.add_argument("--kubeconfig", metavar="FILE", help="this kubeconfig instead of KUBECONFIG or ~/.kube/config")
    parser.add_argument("--kubeconfig-dir", metavar="DIR", help="the contexts of every kubeconfig file in this folder")


def run(arguments: argparse.Namespace) -> int:
    """Sweeps, shows the result, and judges it by `--fail-on`."""
    _check(arguments)
    with progress("asking") as listen, _executor(arguments) as executor:

        def hear(event: FleetEvent) -> None:
            if not isinstance(event, ClusterReported):
                listen(event)

        found = kx.fleet(
            arguments.contexts,
            all_contexts=arguments.all_contexts,
            kubeconfig=arguments.kubeconfig,
            kubeconfig_dir=arguments.kubeconfig_dir,
            namespace=arguments.namespace,
            include_lint=arguments.include_lint,
            ignore=options.ignore_rules(arguments),
            include_ignored=arguments.no_ignore,
            executor=executor,
            workers=arguments.workers,
            deadline_s=arguments.deadline,
            total_deadline_s=arguments.total_deadline,
            listen=hear,
        )
    is_interrupted = any(report.code == "interrupted" for report in found.reports)
    _present(found, arguments)
    if is_interrupted:
        return 130
    if not found.read:  # it is shown, and is no success
        first = (*found.unread, *found.absent)[0]
        raise ClusterError(f"no cluster could be read, such as {first.name}: {first.why}", hint="so nothing is known")
    return 1 if _is_bad(found, arguments) else 0


def _check(arguments: argparse.Namespace) -> None:
    if arguments.contexts is None and not arguments.all_contexts and arguments.kubeconfig_dir is None:
        raise UsageError("no cluster is named", hint="give --contexts A,B or --all-contexts or --kubeconfig-dir DIR")
    if arguments.dask is not None and arguments.executor is not None:
        raise UsageError("--dask and --executor exclude each other", hint="give one of them")
    if arguments.output is not None:
        check_writable(arguments.output)


@contextmanager
def _executor(arguments: argparse.Namespace) -> Iterator[object]:
    if arguments.dask is None:
        yield arguments.executor
        return
    try:
        from distributed import Client  # noqa: PLC0415  an extra
    except ImportError as error:
        what = "--dask needs the package distributed, which is not installed"
        raise MissingExtraError(what, hint="pip install 'kubeagentix[fleet]'") from error
    try:
        client = Client(arguments.dask, timeout=DASK_S)
    except (OSError, ValueError, TypeError) as error:
        what = f"no Dask scheduler answers at {excerpt(arguments.dask, 80)}"
        raise UnreachableError(what, hint="it should look like tcp://host:8786") from error
    with client:
        yield client


def _present(found: FleetDiagnosis, arguments: argparse.Namespace) -> None:
    """Shows it as the options say."""
    if arguments.output is not None:
        write_file(arguments.output, _rendered(found, arguments))
    elif arguments.format == "table" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from kubeagentix.cli.table import show_rows  # noqa: PLC0415  brings rich, which a pipe does not need

        show_rows(lambda _: outline(found, is_verbose=arguments.verbose), has_color=not arguments.no_color)
    else:
        output.write(_rendered(found, arguments), is_document=arguments.format != "table")


def _rendered(found: FleetDiagnosis, arguments: argparse.Namespace) -> str:
    if arguments.format == "json":
        return found.to_json()
    if arguments.format == "markdown":
        return found.to_markdown()
    return wrapped(outline(found, is_verbose=arguments.verbose), WIDTH)


def _is_bad(found: FleetDiagnosis, arguments: argparse.Namespace) -> bool:
    """Whether a finding anywhere is as bad as `--fail-on` says, or worse; never without it."""
    if arguments.fail_on is None:
        return False
    threshold = Severity(arguments.fail_on).rank
    return any(found.severity_count(severity) for severity in Severity if severity.rank >= threshold)


plugin = CommandPlugin(
    id="fleet", help="say what is broken in many clusters at once, the same incident once", configure=configure, run=run
)
