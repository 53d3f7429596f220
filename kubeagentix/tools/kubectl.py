"""The real kubectl, for what no other tool does: verbs that read, and never what a Secret holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.logs import LOG_RIGHT
from kubeagentix.cluster.policy import Bounds, KubectlCommand, permitted
from kubeagentix.cluster.snapshot import rights
from kubeagentix.contracts import ToolContext, ToolPlugin
from kubeagentix.domain.tooling import ToolOutput, ToolSpec
from kubeagentix.errors import ClusterError, UsageError, excerpt
from kubeagentix.redaction import masked_in_run
from kubeagentix.report.text import clean_block
from kubeagentix.toolkit.kubectl_program import MAX_BYTES, run_kubectl
from kubeagentix.toolkit.objects import REVISIONS_RIGHT, finding
from kubeagentix.toolkit.parted_values import as_json, is_parted, without_credentials
from kubeagentix.toolkit.places import live
from kubeagentix.toolkit.processes import Ended
from kubeagentix.toolkit.pruning import masked, pruned
from kubeagentix.toolkit.wording import yaml_text

STDERR_CHARS = 1_000
# `E1129 16:09:14.405059   28166 request.go:1332] …`. Source: klog's header format
_KLOG = re.compile(r"^[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ \S+:\d+\] ", re.MULTILINE)
_VERDICTS = ("auth can-i", "rollout status")  # "no" is an answer of theirs, with an exit code


async def handle(arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
    """What kubectl printed."""
    cluster = live(context, "kubectl")
    command = permitted(arguments["command"], Bounds(namespace=context.namespace, context=cluster.context))
    words = (*command.arguments, *_limits(command))
    ended = await run_kubectl(cluster, context.environ, command.verb.name, words)
    if is_parted(command) and ended.stdout.strip():
        objects = await _printed(cluster, context, command)
        ended = replace(ended, stdout=without_credentials(ended.stdout, objects))
    return _output(command, ended)


async def _printed(cluster: Cluster, context: ToolContext, command: KubectlCommand) -> Any:
    """The objects that were printed. Raises UsageError where they cannot be read, for then nothing can be masked."""
    for of_all in (False, True) if command.verb.name == "describe" else (False,):
        words = as_json(command, of_all=of_all)
        ended = await run_kubectl(cluster, context.environ, command.verb.name, words)
        with suppress(ValueError, RecursionError):
            if not ended.is_cut:
                return json.loads(ended.stdout)
    raise UsageError("the answer is too long, or cannot be masked", hint="name fewer objects, or use -o yaml")


def _limits(command: KubectlCommand) -> tuple[str, ...]:
    # It holds a line in memory until it ends, and a log may be one line.
    given = command.arguments
    is_limited = command.verb.name != "logs" or "--" in given or any(item.startswith("--limit-bytes") for item in given)
    return () if is_limited else (f"--limit-bytes={MAX_BYTES}",)


def _output(command: KubectlCommand, ended: Ended) -> ToolOutput:
    said = clean_block(_without_its_log(ended.stderr), max_chars=STDERR_CHARS)
    if not ended.stdout.strip():
        if ended.code and not ended.is_cut and command.verb.name not in _VERDICTS:
            raise ClusterError(f"kubectl {command.verb.name}: {excerpt(said) or f'exit code {ended.code}'}")
        return ToolOutput(text=said or "(nothing)")
    data, text = _shown(command, ended)
    notes = []
    if ended.is_cut:
        notes.append(f"[only the first {MAX_BYTES:,} bytes: narrow it down with a namespace, -l or --field-selector]")
    elif ended.code and said:
        notes.append(f"[exit code {ended.code}: {said}]")
    return ToolOutput(text="\n".join([text, *notes]), data=data)


def _without_its_log(stderr: str) -> str:
    """What kubectl says, without the lines of its log (klog), unless these are all there is."""
    return "\n".join(line for line in stderr.splitlines() if not _KLOG.match(line)) or _KLOG.sub("", stderr)


def _read(stdout: str) -> str:
    """What jsonpath prints of a list or a mapping is JSON, in which values are told from their names better."""
    try:
        document = json.loads(stdout) if stdout[:1] in "[{" else None
    except (ValueError, RecursionError):
        return stdout
    kept = masked_in_run(document)
    return stdout if kept is document else json.dumps(kept, ensure_ascii=False)


def _shown(command: KubectlCommand, ended: Ended) -> tuple[Any, str]:
    if not command.is_structured:
        return None, clean_block(_read(ended.stdout), max_lines=MAX_BYTES, max_chars=MAX_BYTES)
    try:
        document = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        if not command.is_raw or ended.is_cut:  # what cannot be read cannot be masked
            raise UsageError("the answer is too long, or no JSON", hint="name fewer objects") from None
        return None, clean_block(ended.stdout, max_lines=MAX_BYTES, max_chars=MAX_BYTES)
    is_tidied = isinstance(document, dict) and not command.keeps_managed_fields
    document = masked_in_run(pruned(document) if is_tidied else masked(document))
    text = (
        yaml_text(document)
        if command.output in ("yaml", "kyaml")
        else json.dumps(document, ensure_ascii=False, indent=1)
    )
    return document, text


plugin = ToolPlugin(
    spec=ToolSpec(
        name="kubectl",
        description=(
            "Runs the real kubectl with one command that only reads, for what no other tool shows: get, describe, "
            "logs, top, events, api-resources, api-versions, explain, version, cluster-info, rollout history|status, "
            "auth can-i|whoami, config current-context|get-contexts. No shell, no pipes, no values of Secrets."
        ),
        parameters={
            "type": "object",
            "properties": {
                "command": {
                    "type": "string",
                    "description": "The command, such as: kubectl get endpointslices -n shop -o wide",
                }
            },
            "required": ["command"],
            "additionalProperties": False,
        },
    ),
    handler=handle,
    rights=(*finding(), *rights(), LOG_RIGHT, REVISIONS_RIGHT),
)
