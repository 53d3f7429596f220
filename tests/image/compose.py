"""What `docker compose up` passes to `docker run`, read from the compose files, so that these themselves are tested.

A key or a form that is not known here fails: nothing of the files stays untried.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE, ON_HOST = ROOT / "compose.yaml", ROOT / "compose.host.yaml"
_MADE_BY_COMPOSE = {"image", "build", "stop_grace_period"}


class _Loader(yaml.SafeLoader):
    """Knows `!reset`, which takes a key of an earlier file away."""


_Loader.add_constructor("!reset", lambda *_: None)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Arguments of `run`, the command, the folders to mount, and the volumes."""

    arguments: list[str]
    command: list[str]
    folders: list[Path]
    volumes: list[str]


@dataclass
class Service:
    """The one service of the files, later ones over earlier ones, with a host's variables put in."""

    files: Sequence[Path]
    environ: Mapping[str, str]
    project: str = "kubeagentix"
    said: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.said = {}
        for file in self.files:
            (service,) = yaml.load(file.read_text(), _Loader)["services"].values()
            self.said.update(service)

    def run(self, host_gateway: str = "host-gateway") -> Run:
        """The whole of it; `host_gateway` for engines that do not know that name."""
        folders: list[Path] = []
        volumes: list[str] = []
        arguments: list[str] = []
        for key, value in self.said.items():
            if value is not None and key not in _MADE_BY_COMPOSE | {"command", "volumes"}:
                arguments += self._of(key, value)
        for entry in self.said["volumes"]:
            source, target = self._filled(entry).split(":", 1)
            if source.startswith("~/"):
                folders.append(Path(self.environ["HOME"], source[2:]))
                arguments += ["--volume", f"{folders[-1]}:{target}"]
            else:
                volumes.append(f"{self.project}_{source}")
                arguments += ["--volume", f"{volumes[-1]}:{target}"]
        arguments = [word.replace("host-gateway", host_gateway) for word in arguments]
        return Run(
            arguments=arguments,
            command=shlex.split(self._filled(self.said["command"])),
            folders=folders,
            volumes=volumes,
        )

    def _of(self, key: str, value: Any) -> Iterator[str]:
        option = {
            "ports": "--publish",
            "extra_hosts": "--add-host",
            "user": "--user",
            "cap_drop": "--cap-drop",
            "cap_add": "--cap-add",
            "security_opt": "--security-opt",
            "network_mode": "--network",
            "environment": "--env",
        }[key]
        if isinstance(value, dict):
            value = [name if text is None else f"{name}={text}" for name, text in value.items()]
        for item in value if isinstance(value, list) else [value]:
            yield from (option, self._filled(str(item)))

    def _filled(self, text: str) -> str:
        """`${NAME:-otherwise}`, also within another; Raises ValueError for other forms."""
        form = re.compile(r"\$\{(\w+):-([^${}]*)\}")
        while form.search(text):
            text = form.sub(lambda found: self.environ.get(found[1]) or found[2], text)
        if "$" in text:
            raise ValueError(f"no form that compose knows, or none that is known here: {text}")
        return text
