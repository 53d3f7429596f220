"""The options of a sweep over many clusters, the same on a command line and in a cell, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kubeagentix import options
from kubeagentix.domain.diagnosis import Severity
from kubeagentix.errors import MissingExtraError, UnreachableError, UsageError, excerpt
from kubeagentix.report.files import check_writable

if TYPE_CHECKING:
    from kubeagentix.fleet.diagnosis import FleetDiagnosis

EXECUTORS = ("threads", "processes")
DASK_S = 10.0  # for a scheduler to answer


def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """All of them."""
    add_place_options(parser)
    parser.add_argument("-n", "--namespace", metavar="NS", help="this namespace of each (default: all)")
    options.add_lint_options(parser)
    parser.add_argument("--executor", choices=EXECUTORS, help="where the work is done (default: what suits)")
    parser.add_argument("--dask", metavar="ADDRESS", help="the workers of this Dask scheduler, as tls://host:8786")
    parser.add_argument("--workers", type=int, metavar="N", help="so many clusters at a time")
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="for one cluster; what is late is not seen")
    parser.add_argument("--total-deadline", type=float, metavar="SECONDS", help="for all of them")
    options.add_result_options(parser)
    options.add_fail_option(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Which clusters: `--contexts`, `--all-contexts`, `--kubeconfig`, `--kubeconfig-dir`."""
    parser.add_argument(
        "--contexts", action="append", metavar="A,B,…", help="these contexts; patterns such as 'prod-*'; again for more"
    )
    parser.add_argument("--all-contexts", action="store_true", help="all contexts of the kubeconfig")
    parser.add_argument("--kubeconfig", metavar="FILE", help="this kubeconfig instead of KUBECONFIG or ~/.kube/config")
    parser.add_argument("--kubeconfig-dir", metavar="DIR", help="the contexts of every kubeconfig file in this folder")


def check_fleet(arguments: argparse.Namespace) -> None:
    """Raises UsageError for options that exclude each other, or if the result could not be written."""
    if arguments.contexts is None and not arguments.all_contexts and arguments.kubeconfig_dir is None:
        raise UsageError("no cluster is named", hint="give --contexts A,B or --all-contexts or --kubeconfig-dir DIR")
    if arguments.dask is not None and arguments.executor is not None:
        raise UsageError("--dask and --executor exclude each other", hint="give one of them")
    if arguments.output is not None:
        check_writable(arguments.output)


def question(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of `fleet` and `afleet` that the options stand for, but for the executor."""
    return {
        "contexts": arguments.contexts,
        "all_contexts": arguments.all_contexts,
        "kubeconfig": arguments.kubeconfig,
        "kubeconfig_dir": arguments.kubeconfig_dir,
        "namespace": arguments.namespace,
        "include_lint": arguments.include_lint,
        "ignore": options.ignore_rules(arguments),
        "include_ignored": arguments.no_ignore,
        "workers": arguments.workers,
        "deadline_s": arguments.deadline,
        "total_deadline_s": arguments.total_deadline,
    }


@contextmanager
def executor_of(arguments: argparse.Namespace) -> Iterator[object]:
    """The executor that they name, for as long as the block runs. Raises MissingExtraError, UnreachableError."""
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


def fleet_rendered(found: FleetDiagnosis, arguments: argparse.Namespace) -> str:
    """The answer as text in the format that the options name; a table is plain text here."""
    match arguments.format:
        case "json":
            return found.to_json()
        case "markdown":
            return found.to_markdown()
        case "html":
            return found.to_html()
    return found.to_text(is_verbose=arguments.verbose)


def is_bad(found: FleetDiagnosis, arguments: argparse.Namespace) -> bool:
    """Whether a finding anywhere is as bad as `--fail-on` says, or worse; never without it."""
    if arguments.fail_on is None:
        return False
    threshold = Severity(arguments.fail_on).rank
    return any(found.severity_count(severity) for severity in Severity if severity.rank >= threshold)
