"""The engine that the options name: runs containers of the image, and leaves none."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.scrubbing import SCRUBBED_PREFIXES

_NOT_PASSED = (*SCRUBBED_PREFIXES, "ENABLE_CLAUDE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# As whoever runs the tests has it, as an engine finds its images by it, without what compose.yaml would pass on.
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}
TIMEOUT_S = 300


@dataclass
class Engine:
    """`words` go before `run`, `arguments` after it. A container is known by its id."""

    image: str
    words: Sequence[str]
    arguments: Sequence[str]
    _left: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, config: pytest.Config) -> Engine:
        """As the options of the tests say."""
        words = shlex.split(config.getoption("--engine") or next(filter(shutil.which, ("docker", "podman"))))
        return cls(config.getoption("--image"), words, shlex.split(config.getoption("--engine-args")))

    @property
    def is_podman(self) -> bool:
        return "podman" in self.words[0]

    @property
    def host_gateway(self) -> str:
        """`host-gateway`, or for podman before 4.7 the address that it means."""
        version = re.search(r"(\d+)\.(\d+)", self.said("--version"))
        assert version
        if not self.is_podman or (int(version[1]), int(version[2])) >= (4, 7):
            return "host-gateway"
        return self.gateway

    @property
    def gateway(self) -> str:
        """The host's address in the network of containers."""
        network = json.loads(self.said("network", "inspect", "podman" if self.is_podman else "bridge"))[0]
        found = network["subnets"][0]["gateway"] if self.is_podman else network["IPAM"]["Config"][0]["Gateway"]
        assert isinstance(found, str)
        return found

    def said(self, *words: str) -> str:
        """What the engine prints. Raises AssertionError where it fails."""
        ended = self._run(words, {})
        assert ended.returncode == 0, f"{' '.join(words)}: {ended.stderr}"
        return ended.stdout

    def run(self, *arguments: str, command: Sequence[str], environ: Mapping[str, str] | None = None) -> str:
        """What a container prints, both streams. Raises AssertionError where it fails."""
        ended = self._run(["run", "--rm", *self.arguments, *arguments, self.image, *command], environ or {})
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def start(self, *arguments: str, command: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> str:
        """The id of a container that goes on running."""
        ended = self._run(["run", "--detach", *self.arguments, *arguments, self.image, *command], environ or {})
        assert ended.returncode == 0, ended.stdout + ended.stderr
        self._left.append(ended.stdout.split()[-1])
        return self._left[-1]

    def inside(self, container: str, *command: str) -> str:
        """What a command prints in a running container, as `docker compose exec` runs it."""
        return self.said("exec", container, *command)

    def logs(self, container: str) -> str:
        ended = self._run(["logs", container], {})
        return ended.stdout + ended.stderr

    def inspect(self, what: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.said(what, "inspect", name))[0]
        return found

    def remove(self, volumes: Sequence[str]) -> None:
        """Those of the volumes that are there."""
        for volume in set(volumes) & set(self.said("volume", "ls", "--quiet").split()):
            self.said("volume", "rm", volume)

    def close_one(self, container: str) -> None:
        """Removes a container that goes on."""
        self.said("rm", "--force", "--volumes", container)
        self._left.remove(container)

    def close(self) -> None:
        """Removes, by id, what is left."""
        while self._left:
            self.close_one(self._left[-1])

    def _run(self, words: Sequence[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, *words],
            env={**ENVIRON, **{name: value for name, value in environ.items() if name != "HOME"}},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def until(holds: Callable[[], object], otherwise: Callable[[], str]) -> None:
    """Waits for it. Raises AssertionError with what is said otherwise."""
    end = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < end, otherwise()
        time.sleep(0.2)
