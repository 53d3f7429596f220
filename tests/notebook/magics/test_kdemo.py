"""`%kdemo` in a real shell: started, asked, listed, stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kubeagentix as kx
from kubeagentix import registry
from kubeagentix.errors import KubeAgentiXError, NotFoundError
from tests.notebook.magics.test_kcontext import CONFIG


def test_a_demo_is_asked_until_it_is_stopped(shell: Any) -> None:
    card = shell.run_line_magic("kdemo", "image-tag-not-found healthy-web")
    namespaces = {registry.scenarios()[name].namespace for name in ("image-tag-not-found", "healthy-web")}
    assert set(card.namespaces) == namespaces
    assert Path(card.kubeconfig).exists()
    assert all(text in repr(card) for text in (*namespaces, f"KUBECONFIG={card.kubeconfig}"))
    diagnosis = shell.run_line_magic("kdx", "")
    assert diagnosis.hypotheses
    shell.run_line_magic("kdemo", "--stop")
    assert kx.current() is None
    assert not Path(card.kubeconfig).exists()


def test_what_was_asked_before_is_asked_again_and_it_says_so(shell: Any, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(CONFIG)
    shell.run_line_magic("kcontext", f"prod --kubeconfig {config}")
    shell.run_line_magic("kdemo", "healthy-web")
    shell.run_line_magic("kdemo", "healthy-batch")
    said = repr(shell.run_line_magic("kdemo", "--stop"))
    assert said == "The demo cluster has ended; context prod is asked from now on."
    asked = kx.current()
    assert isinstance(asked, kx.Cluster)
    assert asked.context == "prod"


def test_a_namespace_that_was_chosen_and_is_not_there_is_led_back_to_the_choice(shell: Any) -> None:
    shell.run_line_magic("kdemo", "healthy-web")
    shell.run_line_magic("config", "KubeAgentix.namespace = 'nowhere'")
    with pytest.raises(NotFoundError, match=r"'nowhere'.*; %config KubeAgentix.namespace names it"):
        shell.run_line_magic("kdx", "")
    with pytest.raises(NotFoundError) as named:
        shell.run_line_magic("kdx", "-n nowhere")
    assert "%config" not in str(named.value)


def test_kdx_demo_starts_one_and_keeps_it(shell: Any) -> None:
    shell.run_line_magic("kdx", "--demo healthy-web")
    running = kx.current()
    assert isinstance(running, kx.Demo)
    shell.run_line_magic("kdx", "--demo healthy-web")
    assert kx.current() is running
    shell.run_line_magic("kdx", "--demo image-tag-not-found")
    assert kx.current() is not running


def test_the_list_names_every_scenario(shell: Any) -> None:
    text = repr(shell.run_line_magic("kdemo", "--list"))
    assert [line.split()[0] for line in text.splitlines()] == list(registry.scenarios())


@pytest.mark.parametrize(
    ("line", "message"),
    [("--list --stop", "exclude each other"), ("--stop", "no demo cluster"), ("nosuch", "nosuch"), ("--lst", "--list")],
)
def test_a_mistake_is_said(shell: Any, line: str, message: str) -> None:
    with pytest.raises(KubeAgentiXError, match=message):
        shell.run_line_magic("kdemo", line)
