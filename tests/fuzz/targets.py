"""What is fuzzed: one function per reader of foreign text, from bytes to nothing, that fails where a promise is broken.

The promises: only errors of this package are raised, what is shown has no markup and no escape sequence, a text read in
pieces reads like the whole, what was masked stays masked. Time and memory are bounded by whoever runs a target.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from kubeagentix.analysis.log_entries import entries_of, guilty_line
from kubeagentix.analysis.log_folding import fold
from kubeagentix.analysis.logs import read_failure
from kubeagentix.claude_cli import streaming
from kubeagentix.claude_cli.outcomes import error_of
from kubeagentix.claude_cli.protocol import Control
from kubeagentix.cluster import archive, identity, kubeconfig, policy
from kubeagentix.cluster.corefiles import read_corefile
from kubeagentix.cluster.log_times import split_times
from kubeagentix.cluster.projections import decode_page
from kubeagentix.cluster.session import is_loopback
from kubeagentix.domain.diagnosis import Evidence, ResourceRef, Target
from kubeagentix.domain.ignoring import rule_of
from kubeagentix.domain.label_selectors import parse_label_selector
from kubeagentix.domain.messages import ToolCall, ToolResult
from kubeagentix.domain.resources import KINDS
from kubeagentix.domain.secrets import Credential, Secret
from kubeagentix.domain.snapshot import ContainerLog
from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.engine.answers import read_answer
from kubeagentix.errors import KubeAgentiXError
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.quickdx.targets import parse_target
from kubeagentix.redaction import Redactor
from kubeagentix.report.text import clean_block, clean_line, clean_piece
from kubeagentix.settings import load_settings
from kubeagentix.wire.markup import MarkupParser
from kubeagentix.wire.parts import parsed_arguments
from tests.fuzz import seeds
from tests.fuzz.exporting import STEERING, check_exports, diagnosis_of

REF = ResourceRef(cluster="c", namespace="shop", kind="Pod", name="web-0", uid="u1")
KNOWN = {"e-0a1b2c3d4e": Evidence.of(REF, "event", "FailedMount: no such volume")}
UNPACKED = 4 << 20  # what a snapshot may unpack to here
_FOLDER = Path(tempfile.mkdtemp(prefix="kubeagentix-fuzz-"))
_FILE = _FOLDER / "file"
BOUNDS = policy.Bounds(namespace="shop", context="prod", workspace=_FOLDER)
_OWNER = os.getpid()


@atexit.register
def _tidy() -> None:
    if os.getpid() == _OWNER:  # and no process that was forked from it
        shutil.rmtree(_FOLDER, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzTarget:
    """A function that reads; texts to begin with, and words that mean something to it."""

    reads: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[str, ...] = ()
    max_bytes: int = 4096


def text_of(data: bytes) -> str:
    """Any text: what is no UTF-8 gets characters that are half ones, as in a name of a file."""
    return data.decode("utf-8", "surrogateescape")


def _file(data: bytes) -> Path:
    _FILE.write_bytes(data)
    return _FILE


# The cluster's side


def read_kubeconfig(data: bytes) -> None:
    path = str(_file(data))
    try:
        contexts = kubeconfig.list_contexts(path)
    except KubeAgentiXError:
        contexts = ()
    for name in (None, *(item.name for item in contexts[:1])):
        with contextlib.suppress(KubeAgentiXError):
            access = kubeconfig.resolve(name, path)
            assert access.server.startswith(("https://", "http://"))
            is_loopback(access.server)
            identity.check(access)
            assert "token" not in repr(access)


def read_snapshot(data: bytes) -> None:
    """The file as it is, and as what a well-formed one would hold."""
    for body in (data, gzip.compress(data, 1)):
        with contextlib.suppress(KubeAgentiXError):
            archive.load(_file(body), max_bytes=UNPACKED)


def diagnose_loaded(data: bytes) -> None:
    """Whatever a file holds that can be loaded, it can be diagnosed and shown."""
    try:
        snapshot = archive.load(_file(gzip.compress(data, 1)), max_bytes=UNPACKED)
    except KubeAgentiXError:
        return
    diagnosis = diagnose_snapshot(snapshot, Target(), include_lint=True)
    assert [gap for gap in diagnosis.gaps if gap.what.startswith("analyzer ")] == []
    check_exports(diagnosis)


def read_page(data: bytes) -> None:
    """A list of each kind, as an API server (or whoever stands in for it) may send it."""
    for kind in KINDS.values():
        with contextlib.suppress(msgspec.DecodeError):
            decode_page(kind, data)
    read_corefile(text_of(data))


def read_log(data: bytes) -> None:
    lines, begins_at, offsets = split_times(data.decode(errors="replace").split("\n"))
    log = ContainerLog(
        namespace="shop",
        pod="web-0",
        container="app",
        is_previous=False,
        lines=lines,
        begins_at=begins_at,
        offsets_ms=offsets,
    )
    entries = entries_of(lines)
    covered = [index for entry in entries for index in range(entry.start, entry.end)]
    assert covered == sorted(set(covered))
    for entry in entries:
        assert entry.start <= guilty_line(lines, entry) < entry.end
    assert len(fold(log, entries)) <= len(entries)
    read_failure(log)


def judge_command(data: bytes) -> None:
    """Never raises; what may run at once is written anew, with the run's own cluster and identity."""
    decision = policy.judge(text_of(data), BOUNDS)
    assert (decision.command is None) == (decision.verdict == "refuse")
    assert decision.why
    if decision.command is None or decision.verdict != "allow":
        return
    words = decision.command.arguments
    assert " ".join(words).startswith(decision.verb)
    assert not any(word == "--" or "\x00" in word for word in words)
    assert _FOREIGN_FLAGS.isdisjoint(word.partition("=")[0] for word in words)


_FOREIGN_FLAGS = {"--kubeconfig", "--token", "--server", "--as", "--filename", "--cluster", "--user", "-f", "-s"}


def judge_manifest(data: bytes) -> None:
    """What `kubectl apply -f` would be given: read or refused, and written anew where it is read."""
    _file(data)
    decision = policy.judge(["apply", "-f", _FILE.name], BOUNDS)
    if decision.command is not None and decision.command.manifest is not None:
        json.loads(decision.command.manifest.text)
        assert decision.command.changes


# The model's side


def read_markup(data: bytes) -> None:
    """In one piece, and in pieces as the first byte cuts it."""
    text = text_of(data)
    size = 1 + (data[0] % 7 if data else 0)
    whole = _items(text, [text])
    assert whole == _items(text, [text[at : at + size] for at in range(0, len(text), size)])


def _items(text: str, pieces: list[str]) -> tuple[str, list[tuple[str, Any]]]:
    parser = MarkupParser({"pod_logs", "get_resource"})
    found = [item for piece in (*pieces, None) for item in (parser.finish() if piece is None else parser.feed(piece))]
    calls = [(item.name, getattr(item, "arguments", None)) for item in found if not isinstance(item, str)]
    json.dumps(calls)
    return "".join(item for item in found if isinstance(item, str)), calls


def read_stream(data: bytes) -> None:
    """Lines of the CLI: what they show, what they ask of us, how the run ended, what was used."""
    lines = [line for raw in data.split(b"\n") if (line := streaming.line_of(raw)) is not None]
    reader = streaming.Reader()
    for line in lines:
        list(reader.feed(line))
        streaming.retry_pause_s(line)
        streaming.is_content(line)
    assert reader.message.role == "assistant"
    if reader.ended.result is not None:
        streaming.usage_of(reader.ended.result)
    login = Credential(kind="login", secret=Secret(""), source="here")
    assert str(error_of(reader.ended, login))
    asyncio.run(_served(lines))


class _Child:
    """Takes what is written to the CLI: each is one line of JSON."""

    async def write(self, data: bytes) -> None:
        assert isinstance(json.loads(data), dict)
        assert data.count(b"\n") == 1


async def _served(lines: Sequence[Mapping[str, Any]]) -> None:
    async def run_tool(call: ToolCall) -> ToolResult:
        assert call.name == "pod_logs"
        return ToolResult(call_id=call.id, tool_name=call.name, content="ok")

    failures: list[Exception] = []
    tool = ToolSpec(name="pod_logs", description="Reads logs.", parameters={"type": "object"})
    control = Control(cast("Any", _Child()), (tool,), run_tool, failures.append)
    await control.begin()
    for line in lines:
        with contextlib.suppress(KubeAgentiXError):
            control.has_begun(line)
        control.serve(line)
        control.withdraw({})
    await asyncio.sleep(0)
    await control.close()
    assert failures == []


def read_answers(data: bytes) -> None:
    text = text_of(data)
    arguments, _ = parsed_arguments(text)
    for answer in (read_answer(text, KNOWN), read_answer(arguments, KNOWN)):
        if answer is not None:
            assert answer.hypotheses
            assert all(item in KNOWN for claim in answer.hypotheses for item in claim.evidence)


# The user's side


def read_settings(data: bytes) -> None:
    with contextlib.suppress(KubeAgentiXError):
        load_settings({"KUBEAGENTIX_CONFIG": str(_file(data))})


def read_options(data: bytes) -> None:
    text = text_of(data)
    readers: tuple[Callable[[], object], ...] = (
        lambda: rule_of(text, "--ignore"),
        lambda: parse_label_selector(text),
        lambda: parse_target(text, None),
    )
    for read in readers:
        with contextlib.suppress(KubeAgentiXError):
            read()


# What is shown


def mask(data: bytes) -> None:
    """What is masked once stays as it is; a text read again, with what was learned of it, settles."""
    text = text_of(data)
    redactor = Redactor(("a-known-secret-of-ours",))
    for _ in range(2):
        masked = redactor.text(text)
        assert "a-known-secret-of-ours" not in masked
        assert redactor.text(masked) == masked
    assert redactor.text(text) == masked


def clean(data: bytes) -> None:
    text = text_of(data)
    for shown in (clean_line(text), clean_block(text), clean_piece(text)):
        assert not STEERING.search(shown), shown
    assert "\n" not in clean_line(text)
    assert clean_line(clean_line(text)) == clean_line(text)


def export(data: bytes) -> None:
    """A diagnosis all of whose texts are these."""
    check_exports(diagnosis_of((text_of(data).split("\x1f") + [""] * 12)[:12]))


_PODS = seeds.snapshot_json(objects={"Pod": [seeds.POD], "Service": [seeds.SERVICE]}, logs=[seeds.LOG])
_CUSTOM = [{"name": "Issuer", "group": "cert-manager.io", "items": [{"metadata": {"name": "../x"}}]}]
_TIMES = ('"2026-05-04T03:02:01"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', "99999999999")

TARGETS: Mapping[str, FuzzTarget] = {
    "kubeconfig": FuzzTarget(
        reads=read_kubeconfig,
        seeds=(seeds.KUBECONFIG, b"clusters: &a [*a]", b"{}", b"a: 2001-99-99"),
        words=seeds.YAML_WORDS,
    ),
    "snapshot": FuzzTarget(
        reads=read_snapshot,
        seeds=(
            _PODS,
            gzip.compress(seeds.snapshot_json(), 9, mtime=0),
            gzip.compress(bytes(1 << 16), 9, mtime=0),
            seeds.snapshot_json(custom=_CUSTOM),
        ),
        words=seeds.JSON_WORDS,
    ),
    "diagnosis": FuzzTarget(reads=diagnose_loaded, seeds=(_PODS,), words=(*seeds.JSON_WORDS, *_TIMES)),
    "page": FuzzTarget(
        reads=read_page,
        seeds=(
            json.dumps({"items": [seeds.POD, seeds.SERVICE], "metadata": {"continue": "x"}}).encode(),
            b'{"items":[{"type":"kubernetes.io/tls","data":{"tls.crt":"aGk=","tls.key":"aGk="}}]}',
            b'{"items":[{"data":{"Corefile":".:53 {\\n forward . 1.1.1.1\\n}"}}]}',
        ),
        words=seeds.JSON_WORDS,
    ),
    "log": FuzzTarget(
        reads=read_log,
        seeds=seeds.LOGS,
        words=("ERROR ", "FATAL", "Caused by: ", "\tat ", "goroutine 1", "  File ", '{"level":', "connection refused"),
    ),
    "manifest": FuzzTarget(
        reads=judge_manifest,
        seeds=(seeds.MANIFEST, b"&a\nkind: List\nitems: [*a]\n"),
        words=seeds.YAML_WORDS,
    ),
    "policy": FuzzTarget(
        reads=judge_command,
        seeds=(b"kubectl get pods -n shop -o wide", b"get --raw=/api/v1/pods", b"-n x logs web-0 --tail=5"),
        words=(
            "--",
            "-n",
            "-A",
            "--raw=",
            "--token=",
            "--kubeconfig",
            "-o=jsonpath={.x}",
            "delete",
            "$(x)",
            "secrets",
            "'",
        ),
        max_bytes=256,
    ),
    "markup": FuzzTarget(
        reads=read_markup,
        seeds=(
            f"Let me look.\n{seeds.CALL}\n".encode(),
            f"```\n{seeds.CALL}\n```\n".encode(),
            seeds.CALL[:-20].encode(),
        ),
        words=(
            '<invoke name="pod_logs">',
            "</invoke>",
            "<function_calls>",
            "</parameter>",
            "<function_results>",
            "`",
            "~~~",
        ),
        max_bytes=1024,
    ),
    "stream": FuzzTarget(
        reads=read_stream,
        seeds=(seeds.STREAM,),
        words=(*seeds.JSON_WORDS, '"resetsAt":', '"content":', '"errors":', '"message":'),
    ),
    "answers": FuzzTarget(
        reads=read_answers,
        seeds=(seeds.ANSWER, seeds.PROSE),
        words=(
            *seeds.JSON_WORDS,
            "\u201c",
            "//",
            "/*",
            "e-0a1b2c3d4e",
            "root cause: ",
            "confidence: 90%",
            "1. ",
            "```json\n",
        ),
    ),
    "settings": FuzzTarget(
        reads=read_settings,
        seeds=(seeds.SETTINGS,),
        words=("[[ignore]]\n", "deadline_s = ", "1e999", "9" * 400, "0x", "nan", "inf", "[[[[[[", "2026-12-31"),
        max_bytes=1024,
    ),
    "options": FuzzTarget(
        reads=read_options,
        seeds=(b"reason=Lint/*,namespace=ci-*", b"deploy/web", b"app in (a,b),!c,d!=e", b"labels=a=b,until=2026-12-31"),
        words=("reason=", "object=", "labels=", "until=", ",", "*", "[", " in (", ")", "!", "/"),
        max_bytes=256,
    ),
    "redaction": FuzzTarget(
        reads=mask,
        seeds=seeds.SECRETS,
        words=(
            "password=",
            "token: ",
            "secret'='",
            "bearer ",
            "://a:b@",
            "[MASKED-1]",
            "sk-",
            "eyJ",
            "PRIVATE KEY-----",
        ),
    ),
    "clean": FuzzTarget(reads=clean, seeds=(b"\x1b[31mred\x1b]0;t\x07 x\r\n",), words=seeds.MARKS, max_bytes=512),
    "export": FuzzTarget(
        reads=export,
        seeds=(
            b"web-0\x1fOOMKilled\x1fis killed\x1fmemory\x1flog\x1fline\nline\x1fa.b\x1fkubectl x\x1fy\x1fnote\x1fshop",
        ),
        words=(*seeds.MARKS, "\x1f"),
        max_bytes=512,
    ),
}
