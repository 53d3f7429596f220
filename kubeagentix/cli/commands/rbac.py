"""`kubeagentix rbac`: the least role with which Quick Dx and the tools work, to be piped into `kubectl apply -f -`."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import yaml

import kubeagentix as kx
from kubeagentix import options, roles, sync
from kubeagentix.cli import output
from kubeagentix.cluster.custom import kinds_of
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.contracts import CommandPlugin
from kubeagentix.domain.extensions import CustomResourceDefinition
from kubeagentix.domain.resources import Kind
from kubeagentix.errors import ClusterError, UsageError, excerpt
from kubeagentix.roles import Manifest, Proxied, Wish

SUBJECTS = ("serviceaccount", "user", "group")
WIDTH = 100
_SERVICE = re.compile(r"(?P<namespace>[a-z0-9.-]+)/(?P<name>(?:https:)?[a-z0-9.-]+:[a-z0-9-]+)")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--for",
        dest="features",
        action="append",
        metavar="FEATURE",
        help=f"for this only: {roles.QUICK_DX} or a tool; may be given again (default: all that only reads)",
    )
    parser.add_argument("--write", action="append", metavar="TOOL", help="also for this tool, which changes things")
    parser.add_argument(
        "--watch", action="store_true", help="also for `kubeagentix watch`: the verb watch for Quick Dx"
    )
    for part in roles.PARTS:
        parser.add_argument(f"--without-{part}", action="store_true", help=f"leave out what reads {part}")
    parser.add_argument(
        "--custom-resources", action="store_true", help="ask the cluster which custom kinds it defines, and add them"
    )
    parser.add_argument(
        "--prometheus", metavar="NS/SERVICE:PORT", help="add query_metrics, through this Service and no other"
    )
    parser.add_argument("--no-cluster-scope", action="store_true", help="with -n: nothing that is in no namespace")
    parser.add_argument(
        "--bind", nargs=2, metavar=("KIND", "NAME"), help="bind it: serviceaccount NS:NAME, user NAME or group NAME"
    )
    parser.add_argument("--name", default=roles.DEFAULT_NAME, help=f"the role's name (default: {roles.DEFAULT_NAME})")
    parser.add_argument("--format", choices=("yaml", "json"), default="yaml", help="how to write it (default: yaml)")
    options.add_place_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the manifests."""
    options.check(arguments)
    wish = _wish(arguments)
    made = roles.manifests(wish)
    output.write(_written(made, roles.notes(wish), arguments.format), is_document=True)
    return 0


def _wish(arguments: argparse.Namespace) -> Wish:
    if arguments.no_cluster_scope and arguments.namespace is None:
        raise UsageError("--no-cluster-scope goes with -n", hint="name the namespace")
    if arguments.bind and arguments.bind[0] not in SUBJECTS:
        hint = f"it is one of {', '.join(SUBJECTS)}"
        raise UsageError(f"--bind {excerpt(arguments.bind[0], 40)!r} is no kind of subject", hint=hint)
    return Wish(
        features=_features(arguments),
        namespace=arguments.namespace,
        without=frozenset(part for part in roles.PARTS if getattr(arguments, f"without_{part}")),
        custom_kinds=_custom_kinds(arguments) if arguments.custom_resources else (),
        has_cluster_scope=not arguments.no_cluster_scope,
        proxied=_proxied(arguments.prometheus) if arguments.prometheus else None,
        has_watch=arguments.watch,
        name=arguments.name,
        subject=tuple(arguments.bind) if arguments.bind else None,
    )


def _features(arguments: argparse.Namespace) -> tuple[str, ...]:
    known = roles.features()
    for name in arguments.write or ():
        if name in known and known[name].effect == "read":
            raise UsageError(f"{name} changes nothing", hint="it is in the role already; --for names what it is for")
    proxied = ("query_metrics",) if arguments.prometheus else ()
    if arguments.watch and arguments.features and roles.QUICK_DX not in arguments.features:
        raise UsageError("--watch goes with Quick Dx", hint=f"add --for {roles.QUICK_DX}")
    return tuple(dict.fromkeys((*(arguments.features or roles.reading()), *(arguments.write or ()), *proxied)))


def _proxied(text: str) -> Proxied:
    match = _SERVICE.fullmatch(text)
    if match is None:
        hint = "write NAMESPACE/SERVICE:PORT, as monitoring/prometheus-server:80"
        raise UsageError(f"--prometheus {excerpt(text, 80)!r} names no port of a Service", hint=hint)
    return Proxied(namespace=match["namespace"], name=match["name"])


def _custom_kinds(arguments: argparse.Namespace) -> tuple[Kind, ...]:
    with options.opened_live(arguments) as source:
        cluster = source or kx.connect()
        live = cluster.cluster if isinstance(cluster, kx.Demo) else cluster
        only = ReadOptions(with_logs=False, kinds=frozenset((CustomResourceDefinition.kind,)))
        snapshot = sync.run(live.read_snapshot(None, options=only))
    if not snapshot.was_read(CustomResourceDefinition):
        hint = "run it as somebody who may list customresourcedefinitions, or leave --custom-resources out"
        raise ClusterError("the cluster's definitions of custom resources could not be read", hint=hint)
    return kinds_of(snapshot.all(CustomResourceDefinition))


def _written(made: Iterable[Manifest], told: Iterable[str], form: str) -> str:
    if form == "json":
        listed: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": [*made]}
        return json.dumps(listed, indent=2) + "\n"
    wrapped = (textwrap.fill(line, WIDTH, initial_indent="# ", subsequent_indent="#   ") for line in told)
    documents = (yaml.dump(item, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=WIDTH) for item in made)
    return "".join(f"{line}\n" for line in wrapped) + "---\n".join(documents)


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a role and its binding share their metadata."""

    def ignore_aliases(self, _: Any) -> bool:
        """Everything is written out."""
        return True


plugin = CommandPlugin(
    id="rbac", help="print the least RBAC role that it needs, for kubectl apply", configure=configure, run=run
)
