"""No token in what the image, compose and Binder are made from, in saved notebooks, or in a command that we tell of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubeagentix.recognition import tokens
from kubeagentix.recognition.masking import masked
from tests.notebooks.running import NOTEBOOKS, read
from tests.planted import drawn

ROOT = Path(__file__).parents[2]
COMPOSE = sorted(ROOT.glob("compose*.yaml"))
MADE_FROM = sorted(
    path
    for pattern in ("Dockerfile", ".dockerignore", "compose*.yaml", "docker/*", "binder/*", ".ci/run")
    for path in ROOT.glob(pattern)
    if path.is_file()
)
TOLD = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(NOTEBOOKS.rglob("*.ipynb"))]
SECRET = r"\w*(?:TOKEN|API_KEY|SECRET|PASSWORD)"
TOKEN = "sk-ant-oat01-" + drawn("a token of this test", 80)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def given_away(text: str) -> list[str]:
    """Where a credential stands in a text, by its form or by the name that it is set to; a variable is none."""
    forms = [text[start:end] for start, end in tokens.spans(text)]
    setting = rf"\b{SECRET}\b['\"]?[ \t]*(?:=|:[ \t])[ \t]*['\"]?[^\s'\"$…]\S*"
    return forms + re.findall(setting, text)


@pytest.mark.parametrize("path", MADE_FROM, ids=name_of)
def test_no_token_is_in_what_the_image_and_binder_are_made_from(path: Path) -> None:
    assert given_away(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        f"RUN echo {TOKEN} > /etc/token",
        f"ENV CLAUDE_CODE_OAUTH_TOKEN={TOKEN}",
        "ENV OPENAI_API_KEY=abc",
        "ARG GEMINI_API_KEY=abc",
        "  environment:\n    ANTHROPIC_API_KEY: abc",
        "export JUPYTER_TOKEN=letmein",
    ],
)
def test_a_token_that_is_written_down_is_found(text: str) -> None:
    assert given_away(text)


@pytest.mark.parametrize(
    "text",
    ["  environment:\n    - ANTHROPIC_API_KEY\n    - OPENAI_API_KEY\n", "export CLAUDE_CODE_OAUTH_TOKEN=…  # your own"],
)
def test_a_name_alone_is_no_token(text: str) -> None:
    assert given_away(text) == []


class Compose(yaml.SafeLoader):
    """Reads compose's own tags, too: `!reset []`, in a file that goes over another, is nothing."""


Compose.add_constructor("!reset", lambda loader, node: None)


def of_services(document: dict[str, Any]) -> Iterator[str]:
    """What of a compose file could carry a value into an image, a file or an argument list, or let others in."""
    for name, service in document["services"].items():
        environment = service.get("environment") or []
        if isinstance(environment, dict):
            environment = [key if value is None else f"{key}={value}" for key, value in environment.items()]
        yield from (f"{name} gives {entry} a value" for entry in environment if re.match(rf"{SECRET}=", entry))
        build = service.get("build")
        if isinstance(build, dict):
            yield from (f"{name} builds with {key}" for key in ("args", "secrets") if key in build)
        yield from (f"{name} has {key}" for key in ("env_file", "configs", "secrets") if key in service)
        words = f"{service.get('command', '')} {service.get('entrypoint', '')} {service.get('labels', '')}"
        yield from (f"{name} is run with {word}" for word in re.findall(rf"\$\{{?{SECRET}", words))
        ports = (str(port) for port in service.get("ports") or [])
        yield from (f"{name} listens for others: {port}" for port in ports if not port.startswith("127.0.0.1:"))
        if service.get("network_mode") == "host" and "--ip 127.0.0.1" not in words:
            yield f"{name} listens for others, in the network of the host"
        volumes = (str(volume) for volume in service.get("volumes") or [])
        yield from (f"{name} may write {volume}" for volume in volumes if ".kube" in volume and ":ro" not in volume)


def test_compose_passes_credentials_by_name_and_listens_for_this_machine_only() -> None:
    assert [path.name for path in COMPOSE] == ["compose.host.yaml", "compose.yaml"]
    for path in COMPOSE:
        assert list(of_services(yaml.load(path.read_text(), Compose))) == []


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ({"environment": ["OPENAI_API_KEY=${OPENAI_API_KEY}"]}, "lab gives OPENAI_API_KEY=${OPENAI_API_KEY} a value"),
        ({"environment": {"JUPYTER_TOKEN": "x"}}, "lab gives JUPYTER_TOKEN=x a value"),
        ({"build": {"context": ".", "args": {"A": "B"}}}, "lab builds with args"),
        ({"env_file": ".env"}, "lab has env_file"),
        ({"command": "jupyter lab --token ${JUPYTER_TOKEN}"}, "lab is run with ${JUPYTER_TOKEN"),
        ({"ports": ["8888:8888"]}, "lab listens for others: 8888:8888"),
        ({"network_mode": "host", "command": "lab --ip 0.0.0.0"}, "lab listens for others, in the network of the host"),
        ({"volumes": ["~/.kube:/home/kubeagentix/.kube"]}, "lab may write ~/.kube:/home/kubeagentix/.kube"),
    ],
)
def test_compose_that_gives_away_is_found(service: dict[str, Any], fault: str) -> None:
    assert list(of_services({"services": {"lab": service}})) == [fault]


def test_compose_that_passes_names_is_fine() -> None:
    service = {
        "environment": ["OPENAI_API_KEY", "KUBEAGENTIX_HOST_HOME=${HOME}"],
        "ports": ["127.0.0.1:${KUBEAGENTIX_PORT:-8888}:8888"],
        "volumes": ["~/.kube:/home/kubeagentix/.kube:ro", "~/.claude:/home/kubeagentix/.claude"],
    }
    assert list(of_services({"services": {"lab": service}})) == []


@pytest.mark.parametrize("path", TOLD, ids=name_of)
def test_no_command_that_is_told_of_takes_a_credential_as_an_argument(path: Path) -> None:
    text = path.read_text()
    assert re.findall(rf"(?:-e|--env|--build-arg)[ =]{SECRET}=\S*", text) == []
    assert [text[start:end] for start, end in tokens.spans(text)] == []


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.rglob("*.ipynb")), ids=name_of)
def test_what_a_saved_notebook_shows_would_pass_the_masking(path: Path) -> None:
    for cell in read(path).cells:
        for output in cell.get("outputs", ()):
            for text in (output.get("text", ""), *output.get("data", {}).values()):
                assert masked(str(text)) == str(text)
