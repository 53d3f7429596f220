"""Whether the API server of a context answers, and takes its identity; all contexts beside each other.

An exec plugin is run as nobody's terminal, with a time limit of its own: one that would ask for something is told so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from kubeagentix.cluster.client import Client, Deadline
from kubeagentix.cluster.identity import with_plugin_run
from kubeagentix.cluster.kubeconfig import Access
from kubeagentix.cluster.session import is_loopback
from kubeagentix.doctor.examining import Check, Surroundings, Tell
from kubeagentix.doctor.kubeconfigs import Contexts, contexts_of, has_authority
from kubeagentix.doctor.places import is_container, is_made
from kubeagentix.doctor.proxies import proxy_for
from kubeagentix.errors import (
    ApiError,
    ClusterError,
    ForbiddenError,
    KubeAgentiXError,
    KubeconfigError,
    UnauthorizedError,
    excerpt,
)
from kubeagentix.wire.readiness import bare_url

PLUGIN_S = 10.0  # a plugin may have to ask a cloud
AT_A_TIME = 32
READY_S = 10.0  # to load the client, on a machine that has other things to do
CLOCK_S = 60.0  # by how much clocks may differ before tokens and certificates suffer
_KINDS = (  # what the messages of `cluster.transport` say, and the code for it
    *(("no such host", "dns"), ("for another name", "tls_name"), ("has expired", "tls_expired")),
    *(("is not trusted", "untrusted"), ("refuses the client certificate", "client_certificate")),
    *(("does not speak TLS", "no_tls"), ("through the proxy", "proxy"), ("refused", "refused")),
    *(("no answer within", "timeout"), ("did not answer", "timeout"), ("TLS with", "tls")),
)

_BRIDGED = "a bridge leads from this address to the host, where nothing answers: see it under Container"
_NOT_BRIDGED = (
    "in a container this address is the container itself: start it by its entrypoint, which bridges it to the host; "
    "where the cluster listens on the host's 127.0.0.1 only, add -f compose.host.yaml"
)


async def run(about: Surroundings, tell: Tell) -> None:
    """Asks the current context, or all of them."""
    try:
        await _ask_all(about, tell)
    finally:
        if not about.server_version.done():
            about.server_version.set_result("")


async def _ask_all(about: Surroundings, tell: Tell) -> None:
    try:
        contexts = await contexts_of(about)
    except KubeconfigError:
        tell.absent("cluster", "there is no kubeconfig that could be read", code="none")
        return
    current = contexts.current
    names = list(contexts.each) if about.all_contexts else [current] if current else []
    if not names:
        tell.absent("cluster", "no context is current", "choose one with --context, or look at all: --all-contexts")
    turn = asyncio.Semaphore(AT_A_TIME)
    told = [Tell(check.name) for _ in names]
    try:
        await asyncio.gather(*(_ask(name, contexts, about, own, turn) for name, own in zip(names, told, strict=True)))
    finally:  # also of those that were asked before time was up
        tell.results.extend(result for own in told for result in own.results)


async def _ask(name: str, contexts: Contexts, about: Surroundings, tell: Tell, turn: asyncio.Semaphore) -> None:
    async with turn:
        try:
            found = await about.in_thread(lambda: contexts.access(name))
            plugin_s = max(about.timeout_s, PLUGIN_S)
            access = await about.in_thread(lambda: with_plugin_run(found, timeout_s=plugin_s))
        except KubeAgentiXError as error:
            tell.failed(name, f"was not asked: {error.message}", error.hint, code="kubeconfig")
            return
        client = Client(access)
        try:
            version = await _ask_version(client, access, about, tell)
            if version and name == contexts.current and not about.server_version.done():
                about.server_version.set_result(version)
            if version:
                await _ask_rights(client, access, about, tell)
        except Exception as error:  # noqa: BLE001  the other contexts are to be asked all the same
            seen = f"could not be asked: {type(error).__name__}: {excerpt(str(error), 120)}"
            tell.failed(name, seen, "see whether kubectl works with it", code="broken")
        finally:
            client.close()


async def _ask_version(client: Client, access: Access, about: Surroundings, tell: Tell) -> str:
    """The server's release, which is told with how long it took; empty if it did not answer, which is told, too."""
    try:
        async with asyncio.timeout(READY_S + about.timeout_s):
            await client.prepare()
            started = time.perf_counter()
            answer = await client.ask(
                "/version", what="/version", deadline=Deadline(about.timeout_s), attempts=1, max_bytes=1 << 20
            )
        found = answer.json("/version")
        version = str(found.get("gitVersion") or "unknown") if isinstance(found, Mapping) else "unknown"
    except TimeoutError:
        tell.failed(
            access.context, "its login was not ready in time", "see whether kubectl works with it", code="timeout"
        )
        return ""
    except ForbiddenError:  # somebody who may not even ask that: it is there, and knows who asks
        return "unknown"
    except KubeAgentiXError as error:
        _tell_error(error, access, about, tell)
        return ""
    took_ms = (time.perf_counter() - started) * 1000
    tell.ok(access.context, f"{version} at {bare_url(access.server)} answered in {took_ms:.0f} ms")
    ahead_s = client.clock_skew.total_seconds()
    if abs(ahead_s) > CLOCK_S:
        seen = f"its clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
        tell.warning(access.context, seen, "set the clock: tokens and certificates go by it", code="clock")
    return version


async def _ask_rights(client: Client, access: Access, about: Surroundings, tell: Tell) -> None:
    """Whether this identity is known, and may see pods."""
    what = f"pods in namespace {access.namespace}"
    path = f"/api/v1/namespaces/{quote(access.namespace, safe='')}/pods"
    params: Mapping[str, Any] = {"limit": 1}
    try:
        deadline = Deadline(about.timeout_s)
        answer = await client.ask(path, params, what=what, deadline=deadline, attempts=1, max_bytes=1 << 22)
        answer.checked(what)
    except ForbiddenError as error:
        do = f"ask for the role that `kubeagentix rbac -n {access.namespace}` prints"
        tell.warning(access.context, error.message, do, code="forbidden")
    except (ClusterError, KubeconfigError) as error:
        _tell_error(error, access, about, tell)


def _tell_error(error: KubeAgentiXError, access: Access, about: Surroundings, tell: Tell) -> None:
    code, do = kind_of(error), error.hint
    proxy = proxy_for(access.server, about.environ, str(access.cluster.get("proxy-url") or ""))
    is_cut = code == "tls" and "EOF" in error.message  # as by a bridge that finds nobody; else somebody speaks TLS
    is_lost = (is_cut or code in ("refused", "timeout", "unreachable")) and is_loopback(access.server)
    if code == "tls" and not has_authority(access):
        code, do = "authority", "its certificate-authority is no certificate: get a new kubeconfig"
    elif is_lost and is_container(about.root, about.environ):
        do = _BRIDGED if any(map(is_made, access.files)) else _NOT_BRIDGED
    elif proxy and code not in ("unauthorized", "forbidden"):
        host = urlsplit(access.server).hostname
        do = f"{proxy} sends it through a proxy: if {host} is to be reached directly, add it to NO_PROXY; else {do}"
    tell.failed(access.context, error.message, do, code=code)


def kind_of(error: KubeAgentiXError) -> str:
    """What kind of trouble: dns, refused, timeout, tls_name, untrusted, unauthorized, forbidden and so on."""
    if isinstance(error, UnauthorizedError | ForbiddenError | KubeconfigError | ApiError):
        return error.code
    return next((code for words, code in _KINDS if words in error.message), "unreachable")


def _limit_s(about: Surroundings) -> float:
    one = READY_S + PLUGIN_S + 3 * about.timeout_s
    return one * 3 if about.all_contexts else one


check = Check(name="Clusters", run=run, limit_s=_limit_s)
