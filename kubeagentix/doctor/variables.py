"""Variables that do not do what whoever set them may think: unused, blank, misspelt, old. No value is ever shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from urllib.parse import urlsplit

from kubeagentix.claude_cli.switches import switches_of
from kubeagentix.claude_cli.tokens import KEY_VARIABLE, TOKEN_VARIABLES
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.kubeconfigs import contexts_of
from kubeagentix.doctor.logins import CREDENTIALS, statuses_of
from kubeagentix.doctor.proxies import is_internal, proxy_for
from kubeagentix.engine.probing import Status
from kubeagentix.errors import ConfigurationError
from kubeagentix.settings import PREFIX, Settings, load_settings

_OWN_ADDRESSES = tuple(f"KUBEAGENTIX_{name}_BASE_URL" for name in ("CLAUDE", "OPENAI", "GEMINI"))
ALSO_KNOWN = (  # besides the settings
    *("KUBEAGENTIX_CONFIG", "KUBEAGENTIX_DEBUG", "KUBEAGENTIX_OPENAI_API", "KUBEAGENTIX_MCP_TOKEN"),
    *("KUBEAGENTIX_CLAUDE_CODE_CHANNEL", "KUBEAGENTIX_CLAUDE_CODE_MODEL"),
    *_OWN_ADDRESSES,
    # of the image and the compose file
    *("KUBEAGENTIX_PROXY_LOCALHOST_KUBECONFIG", "KUBEAGENTIX_HOST_HOME", "KUBEAGENTIX_HOST_KUBECONFIG"),
    *("KUBEAGENTIX_HOST_GATEWAY", "KUBEAGENTIX_CONTAINER_FOLDER"),
    *("KUBEAGENTIX_UID", "KUBEAGENTIX_GID", "KUBEAGENTIX_PORT"),
)
_MAY_BE_BLANK = ("KUBEAGENTIX_HOST_HOME", "KUBEAGENTIX_HOST_KUBECONFIG")  # compose.yaml sets them in any case
_OF_TESTS = "KUBEAGENTIX_TEST_"
SWITCHES = (
    *("ENABLE_CLAUDE_CODE_PROVIDER", "CLAUDE_CODE_ALLOW_API_KEY", "CLAUDE_CODE_ISOLATE_CONFIG"),
    *("CLAUDE_CODE_CLI_PATH", "CLAUDE_CODE_CONFIG_DIR", "CLAUDE_CODE_TIMEOUT_MS", "CLAUDE_CODE_SETTING_SOURCES"),
)
# Names of other programs, of older releases, or that are easily taken for the right one: the one that is read.
OTHER_NAMES = {
    "CLAUDE_API_KEY": KEY_VARIABLE,
    "ANTHROPIC_KEY": KEY_VARIABLE,
    "ANTHROPIC_TOKEN": TOKEN_VARIABLES[0],
    "ANTHROPIC_OAUTH_TOKEN": TOKEN_VARIABLES[0],
    "CLAUDE_OAUTH_TOKEN": TOKEN_VARIABLES[0],
    "CLAUDE_CODE_TOKEN": TOKEN_VARIABLES[0],
    "CLAUDE_CODE_API_KEY": KEY_VARIABLE,
    "OPENAI_KEY": "OPENAI_API_KEY",
    "OPENAI_TOKEN": "OPENAI_API_KEY",
    "OPENAI_API_BASE": "OPENAI_BASE_URL",
    "GEMINI_KEY": "GEMINI_API_KEY",
    "GOOGLE_GENAI_API_KEY": "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY": "GEMINI_API_KEY",
    "KUBE_CONFIG": "KUBECONFIG",
    "KUBECONFIG_PATH": "KUBECONFIG",
    "KUBE_CONFIG_PATH": "KUBECONFIG",
    "ENABLE_CLAUDE_CODE": "ENABLE_CLAUDE_CODE_PROVIDER",
    "CLAUDE_SDK_CLI_PATH": "CLAUDE_CODE_CLI_PATH",
    "VITE_SHOW_PROVIDER_DEBUG": "KUBEAGENTIX_SHOW_PROVIDER_DEBUG",
    "KUBEAGENTIX_REWRITE_LOCALHOST_KUBECONFIG": "KUBEAGENTIX_PROXY_LOCALHOST_KUBECONFIG",
}
ADDRESSES = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", *_OWN_ADDRESSES)
OLD_NAMES = {"CLAUDE_CODE_AUTH_TOKEN": TOKEN_VARIABLES[0]}  # they still count


async def run(about: Surroundings, tell: Tell) -> None:
    """Tells of each that is not what it seems; one line if there is none."""
    await about.in_thread(lambda: _tell_settings(about.environ, tell))
    found = await statuses_of(about)
    _tell_unused(found, about.environ, tell)
    _tell_names(about.environ, tell)
    for name in ADDRESSES:
        if about.environ.get(name, "").strip():
            tell.ok(name, "is set, so that models are asked there and not at the official address")
    await _tell_proxy(about, tell)
    if not tell.results:
        tell.ok("environment", "no variable is unused, blank, misspelt or of an older name")


def credentials() -> tuple[str, ...]:
    """The variables that hold a credential of a model."""
    return tuple(dict.fromkeys((*TOKEN_VARIABLES, *(name for names in CREDENTIALS.values() for name in names))))


def known_names() -> tuple[str, ...]:
    """The names beginning with KUBEAGENTIX_ that are read."""
    settings = (PREFIX + field.name.upper() for field in fields(Settings) if field.name != "ignore")
    return (*settings, *ALSO_KNOWN)


def _tell_settings(environ: Mapping[str, str], tell: Tell) -> None:
    for read in (load_settings, switches_of):
        try:
            read(environ)
        except ConfigurationError as error:
            tell.error("settings", error)


def _tell_unused(found: list[Status], environ: Mapping[str, str], tell: Tell) -> None:
    users = {status.source: status.id for status in found if status.is_configured}
    told = set(blank_names(environ))
    for name in sorted(told):
        tell.warning(name, "is set, and blank", f"unset {name}, or give it its value", code="blank")
    for status in found:
        for variable in status.ignored:
            name = variable.name
            if name in told or (name in environ and not environ[name].strip()):
                continue
            told.add(name)
            if name in users:
                tell.ok(name, f"used by {users[name]}; {status.id} leaves it alone: {variable.why}")
            else:
                tell.warning(
                    name, f"is set, and not used: {variable.why}", f"unset {name} if it is stale", code="unused"
                )


def blank_names(environ: Mapping[str, str]) -> Iterator[str]:
    """Variables that count and hold nothing but blanks."""
    for name in (*credentials(), *SWITCHES, "KUBECONFIG", "KUBECTL_BINARY", *known_names()):
        if name in environ and not environ[name].strip() and name not in _MAY_BE_BLANK:
            yield name


def _tell_names(environ: Mapping[str, str], tell: Tell) -> None:
    for name, right in OTHER_NAMES.items():
        if name in environ:
            tell.warning(name, "is set, and read by nobody here", f"set {right} instead", code="other_name")
    for name, right in OLD_NAMES.items():
        if environ.get(name, "").strip():
            beside = f"; {right} goes before it" if environ.get(right, "").strip() else ""
            tell.warning(name, f"is an older name of {right}{beside}", f"rename it to {right}", code="old_name")
    known = known_names()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and name not in OTHER_NAMES and not name.startswith(_OF_TESTS):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
            do = f"did you mean {near[0]}?" if near else f"unset {name}, or see the README for the names"
            tell.warning(name, "is set, and there is no such setting", do, code="unknown")


async def _tell_proxy(about: Surroundings, tell: Tell) -> None:
    try:
        contexts = await contexts_of(about)
        access = await about.in_thread(lambda: contexts.access(contexts.current))
    except ConfigurationError:
        return
    proxy = proxy_for(access.server, about.environ, str(access.cluster.get("proxy-url") or ""))
    if not proxy or not is_internal(access.server):
        return
    host = urlsplit(access.server).hostname
    seen = f"would carry requests to {host}, an address within: NO_PROXY lacks it"
    tell.warning(proxy, seen, f"add {host} to NO_PROXY", code="proxy")


check = Check(name="Variables", run=run)
