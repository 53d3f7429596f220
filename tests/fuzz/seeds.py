"""What fuzzing begins with: small real texts of each kind, and words that mean something to their readers."""

from __future__ import annotations

import json
from typing import Any

from kubeagentix.claude_cli.environment import SERVER
from kubeagentix.cluster import archive


def snapshot_json(**more: object) -> bytes:
    """What a snapshot file holds, before it is packed."""
    head = {"format": archive.FORMAT, "schema_version": archive.SCHEMA_VERSION, "cluster": "c", "server_version": "v1"}
    rest: dict[str, Any] = {"taken_at": "2026-05-04T03:02:01Z", "namespace": None, "neighbours": [], "gaps": []}
    return json.dumps({**head, **rest, "logs": [], "objects": {}, **more}).encode()


_ENDED = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-05-04T03:01:01Z"}
_CONTAINER = {
    "name": "app",
    "restartCount": 3,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting"}},
    "lastState": {"terminated": _ENDED},
}
POD = {
    "metadata": {"name": "web-0", "namespace": "shop", "creationTimestamp": "2026-05-04T03:02:01Z"},
    "spec": {"containers": [{"name": "app", "image": "web:1", "resources": {"limits": {"memory": "64Mi"}}}]},
    "status": {"phase": "Running", "containerStatuses": [_CONTAINER]},
}
SERVICE = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
}
LOG = {"namespace": "shop", "pod": "web-0", "container": "app", "is_previous": True, "lines": ["panic: no such file"]}
KUBECONFIG = b"""apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority: ca.pem}}]
contexts: [{name: a, context: {cluster: c, user: u, namespace: shop}}]
users: [{name: u, user: {client-certificate-data: aGk=, exec: {command: aws, args: [x], env: [{name: A, value: b}]}}}]
"""
_TOOL_CALL = {"id": 1, "method": "tools/call", "params": {"name": "pod_logs", "arguments": {}}}
_ASKED = {"subtype": "mcp_message", "server_name": SERVER, "message": _TOOL_CALL}
STREAM = b"\n".join(
    json.dumps(line).encode()
    for line in (
        {"type": "system", "subtype": "init", "model": "m", "tools": [], "mcp_servers": []},
        {"type": "system", "subtype": "api_retry", "retry_delay_ms": 500, "attempt": 1, "error": "overloaded_error"},
        {"type": "stream_event", "event": {"type": "message_start", "message": {"id": "m1"}}},
        {"type": "stream_event", "event": {"type": "content_block_delta", "delta": {"text": "It is"}}},
        {"type": "assistant", "message": {"id": "m1", "content": [{"type": "text", "text": "It is full."}]}},
        {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning", "resetsAt": 1767225600}},
        {"type": "control_request", "request_id": "1", "request": {"subtype": "mcp_message"}},
        {"type": "control_request", "request_id": "2", "request": _ASKED},
        {"type": "control_response", "response": {"request_id": "3", "subtype": "error", "error": "no"}},
        {"type": "result", "subtype": "success", "usage": {"input_tokens": 3}, "total_cost_usd": 0.1, "is_error": True},
    )
)
_HYPOTHESIS = {"title": "disk", "summary": "full", "confidence": 0.9, "evidence": ["e-0a1b2c3d4e", "e-ffffffffff"]}
ANSWER = json.dumps(
    {
        "root_cause": "the disk is full e-0a1b2c3d4e",
        "hypotheses": [_HYPOTHESIS],
        "remedies": ["kubectl delete pod x"],
    }
).encode()
PROSE = b"**Root cause:** the disk is full (e-0a1b2c3d4e), confidence 90 %\n\n## Fix\n1. `kubectl delete pod x`\n"
CALL = '<function_calls><invoke name="pod_logs"><parameter name="tail">20</parameter></invoke></function_calls>'
LOGS = (
    b"2026-05-04T03:02:01.5Z INFO starting\n2026-05-04T03:02:02Z panic: x\n\ngoroutine 1 [running]:\nmain.main()\n",
    b"Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'x'\n",
    b'{"level":"error","msg":"connect to db.shop:5432: connection refused","ts":1.5}\n' * 3,
    b"Exception in thread main java.lang.Error: x\n\tat a.B.c(B.java:1)\nCaused by: y\n\t... 3 more\n",
)
SETTINGS = b"""deadline_s = 30
provider = "claude"
[[ignore]]
reason = ["A/*"]
until = 2026-12-31
labels = "a=b"
"""
SECRETS = (
    b'DB_PASSWORD=hunter2x "apiKey": "abc\\"d" Authorization: Bearer abcdef0123456789 https://u:p4ss@h/x [MASKED-1]',
    b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
    b"name: DB_TOKEN\n  value: abc123\n a-known-secret-of-ours sk-aaaaaaaaaaaaaaaaaaaa eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
)
MANIFEST = b"""apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 3}
---
kind: List
items: [{kind: ConfigMap, metadata: {name: a}}]
"""
YAML_WORDS = (
    *("&a ", "*a", "<<: ", "!!binary ", "!!python/name:os.system", "!!set ", "!!int ", "!!timestamp ", "!!float "),
    *("? ", "\n  - ", "0b_", '"\\0"', "---\n", "[[[[[[[[", "{a: ", "1:2:3", ".inf", "2001-99-99", "kind: "),
)
JSON_WORDS = ("{", "}", "[", "]", ":", ",", '"', "null", "true", "1e999", "-0", "NaN", "\\ud800", '{"a":', "[[[[[[[[")
MARKS = (
    "```",
    "~~~",
    "`",
    "$",
    "|",
    "](",
    "![",
    "<script>",
    "-->",
    "<!--",
    "\x1b[2J",
    "\x1b]8;;x\x07",
    "\u202e",
    "\r\n",
)
