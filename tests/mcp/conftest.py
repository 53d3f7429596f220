"""A demo cluster in which credentials are planted, and a place to change it from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import kubeagentix as kx
from tests.engine.changing import Lab, lab_of
from tests.mcp.clients import PLANTED

KUBECTL = str(Path(sys.executable).parent / "kubectl")


@pytest.fixture(scope="module")
def demo() -> Iterator[kx.Demo]:
    with kx.demo("crash-missing-variable") as started:
        manifests = [
            {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"token": PLANTED}},
            {"kind": "Secret", "metadata": {"name": "plain"}, "stringData": {"word": "sentinel-of-a-secret"}},
        ]
        text = "---\n".join(yaml.safe_dump({"apiVersion": "v1", **item}) for item in manifests)
        words = [KUBECTL, f"--kubeconfig={started.kubeconfig}", "-n", "orders", "apply", "-f", "-"]
        subprocess.run(words, input=text, text=True, check=True, capture_output=True)
        yield started


@pytest.fixture
def lab(demo: kx.Demo, tmp_path: Path) -> Iterator[Lab]:
    with lab_of(demo, tmp_path) as made:
        yield made
