"""What is written down about changes is for its owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kubeagentix.audit import AuditLog


def test_the_audit_log_is_private_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit.jsonl"
    before = os.umask(0)
    try:
        AuditLog(path).write("asked", tool="scale_workload")
        first = path.read_bytes()
        path.chmod(0o644)
        AuditLog(path).write("refused", tool="scale_workload")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes().startswith(first)
