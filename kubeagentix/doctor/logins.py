"""Which credential each provider would use, and from where; with `--test` whether it is really accepted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from kubeagentix import registry
from kubeagentix.agent import trial_line
from kubeagentix.claude_cli.tokens import KEY_VARIABLE, TOKEN_VARIABLES
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.places import is_container
from kubeagentix.engine import probing
from kubeagentix.engine.probing import PROBE_S, Status
from kubeagentix.errors import ConfigurationError
from kubeagentix.settings import Settings, load_settings

CREDENTIALS: Mapping[str, tuple[str, ...]] = {  # the variables that each provider reads, the first one first
    "claude_code": TOKEN_VARIABLES[:2],  # the third may well be meant for a gateway
    "claude": (KEY_VARIABLE, "ANTHROPIC_AUTH_TOKEN"),
    "openai": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
_ADVICE = re.compile(r"; local: (?P<local>.*?); token: (?P<token>.*?); Docker: (?P<docker>.*)$")


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells about each provider, and about who is asked first."""
    settings = settings_of(about.environ)
    found = await statuses_of(about)
    for status in found:
        _tell(status, settings, about, tell)
    if not any(status.is_next for status in found):
        known = ", ".join(status.id for status in found)
        tell.failed("provider", f"the settings name {settings.provider!r}, which there is not", f"use one of {known}")
    if about.test:
        await asyncio.gather(*(_try(status, about, tell) for status in found if status.is_configured))


def settings_of(environ: Mapping[str, str]) -> Settings:
    """The settings, or those of nobody where they cannot be read, which another check tells."""
    try:
        return load_settings(environ)
    except ConfigurationError:
        return Settings()


async def statuses_of(about: Surroundings) -> list[Status]:
    """Every provider in this environment; found out once for all checks."""
    settings = settings_of(about.environ)
    return await about.once(
        "statuses",
        lambda: probing.statuses(registry.providers(), about.environ, settings.provider, settings.model),
    )


def _tell(status: Status, settings: Settings, about: Surroundings, tell: Tell) -> None:
    first = ", asked first" if status.is_next else ""
    if status.is_configured:
        model = f", model {status.model}" if status.model else ""
        needs_none = not registry.providers()[status.id].is_language_model
        uses = "needs no credential" if needs_none else f"uses {status.source}"
        tell.ok(status.id, f"{uses}{model}{first}")
        return
    seen, do = _parted(status.why_not, about)
    given = [name for name in CREDENTIALS.get(status.id, ()) if about.environ.get(name, "").strip()]
    if settings.provider.replace("-", "_") == status.id:
        tell.failed(status.id, f"{seen}, and the settings name it", do, code="not_configured")
    elif given and not _is_left_out(status):
        tell.failed(status.id, f"{given[0]} is set, but {seen}", do, code="unusable")
    else:
        tell.absent(status.id, seen, do, code="not_configured")


def _is_left_out(status: Status) -> bool:
    """Whether it is missing by somebody's choice, or for the lack of its client, and not for its credential."""
    return any(text in status.why_not for text in ("not installed", "ENABLE_CLAUDE_CODE_PROVIDER"))


def _parted(why_not: str, about: Surroundings) -> tuple[str, str]:
    """What is wrong, and the advice that holds here."""
    match = _ADVICE.search(why_not)
    if match is None:
        seen, _, do = why_not.partition("; ")
        return seen, do
    return why_not[: match.start()], match["docker" if is_container(about.root, about.environ) else "local"]


async def _try(status: Status, about: Surroundings, tell: Tell) -> None:
    plugin = registry.providers()[status.id]
    tried = await probing.tried(status, plugin, about.environ)
    if tried.trial is None:
        return
    line = trial_line(tried)
    if tried.trial.is_ok:
        tell.ok(status.id, line)
    else:
        seen, do = _parted(line, about)
        tell.failed(status.id, seen, do, code="refused")


check = Check(name="Providers", run=run, limit_s=lambda about: PROBE_S + 15 if about.test else 15)
