"""The demo API server: a store served over HTTPS on loopback, as kubectl and client libraries expect a cluster to be.

server = DemoServer(store)
await server.start()
Path("config").write_text(server.kubeconfig())
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime

from aiohttp import web

from kubeagentix.demo import discovery, openapi, reads, reviews, subresources, writes
from kubeagentix.demo.access import Access
from kubeagentix.demo.answers import common_headers, error_answer, json_answer, text_answer
from kubeagentix.demo.api_errors import StatusError, method_not_allowed, no_such_resource
from kubeagentix.demo.bootstrap import put_bootstrap
from kubeagentix.demo.calls import Call, understand
from kubeagentix.demo.faults import Faults
from kubeagentix.demo.logs import stream_log
from kubeagentix.demo.mishaps import Struck
from kubeagentix.demo.serving_tls import ServingCertificate, make_serving_certificate
from kubeagentix.demo.store import Store
from kubeagentix.demo.watch import Waker, watch

_HEALTH_PATHS = ("/healthz", "/livez", "/readyz")
_SHUTDOWN_S = 1.0  # for answers under way; streams are told to end before
_MAX_BODY_BYTES = 3 * 1024 * 1024  # kube-apiserver's limit


class DemoServer:
    """Serves a store. `faults` may be changed while it runs; use one instance for one start and close."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.faults = Faults()
        self._access = Access(store)
        self._waker = Waker(store)
        self._runner: web.AppRunner | None = None
        self._certificate: ServingCertificate | None = None
        self._url = ""
        put_bootstrap(store)

    @property
    def url(self) -> str:
        """`https://HOST:PORT`, once started."""
        return self._url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Begin to serve; port 0 takes a free one. Raises OSError if the port is taken."""
        self._certificate = make_serving_certificate(host)
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.on_response_prepare.append(self._stamp)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S, auto_decompress=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=self._certificate.context)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        bound_port = self._runner.addresses[0][1]
        self._url = f"https://{f'[{host}]' if ':' in host else host}:{bound_port}"

    async def close(self) -> None:
        """End all streams and stop serving."""
        self._waker.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def add_user(self, name: str, token: str | None = None, groups: Sequence[str] = ()) -> str:
        """Let another user in, by a random token if none is given; returns it. RBAC in the store says what they may."""
        return self._access.add_user(name, token, groups)

    def renew_token(self, user: str = "admin") -> str:
        """Give a user another token, which is returned; the one until now is refused (401). Raises KeyError."""
        return self._access.renew_token(user)

    def kubeconfig(self, user: str = "admin") -> str:
        """A kubeconfig (YAML) with one context, `demo`, for `user`. Raises KeyError for an unknown user."""
        assert self._certificate is not None, "start the server first"
        ca_data = base64.b64encode(self._certificate.ca_pem).decode()
        return _KUBECONFIG.format(url=self._url, ca=ca_data, user=json.dumps(user), token=self._access.token(user))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.faults.latency_s:
            await asyncio.sleep(self.faults.latency_s)
        rule = self.faults.striking(request.method, request.path_qs)
        if rule is None:
            return await self._healthy(request)
        return await rule.mishap.answer(Struck(request, lambda: self._healthy(request)))

    async def _healthy(self, request: web.Request) -> web.StreamResponse:
        try:
            call = understand(await _call(request), self.store.catalog)
            call = replace(call, user=self._access.authenticate(call))
            self._access.authorize(call)
            return await self._dispatch(call, request)
        except StatusError as error:
            return error_answer(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  the server must answer whatever a controller callback raises
            return error_answer(_internal(f"{type(error).__name__}: {error}"))

    async def _stamp(self, _request: web.Request, response: web.StreamResponse) -> None:
        # The cluster's clock is its store's, which need not be this machine's.
        response.headers["Date"] = format_datetime(self.store.now().astimezone(UTC), usegmt=True)

    async def _dispatch(self, call: Call, request: web.Request) -> web.StreamResponse:
        if call.kind is None:
            return self._without_kind(call)
        if call.subresource == "log" and call.kind.kind == "Pod":
            return await stream_log(self.store, call, request, self._waker)
        if call.subresource and not (call.subresource == "status" and "status" in call.kind.subresources):
            return subresources.answer(self.store, self._access, call)
        if call.verb == "watch" and "watch" in call.kind.verbs:
            return await watch(self.store, call, request, self._waker)
        return reviews.review(self._access, call) if reviews.is_review(call) else self._resource(call)

    def _without_kind(self, call: Call) -> web.Response:
        if not call.resource:
            return self._non_resource(call)
        is_known_group = discovery.document(self.store.catalog, f"/apis/{call.group}/{call.version}", "") is not None
        if is_known_group or not call.group:
            raise no_such_resource()
        return text_answer("404 page not found\n", 404)

    def _resource(self, call: Call) -> web.Response:
        handler = _HANDLERS.get(call.verb)
        if handler is None or call.verb not in call.served.verbs:
            raise method_not_allowed()
        return handler(self.store, call)

    def _non_resource(self, call: Call) -> web.Response:
        if call.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        path = call.path.rstrip("/")
        if path.startswith(_HEALTH_PATHS):
            return text_answer("ok")
        found = discovery.document(self.store.catalog, path, call.headers.get("Accept", ""))
        if found is not None:
            body, media_type = found
            encoding = call.headers.get("Accept-Encoding", "")
            return json_answer(body, headers={"Content-Type": media_type, "Vary": "Accept"}, accept_encoding=encoding)
        described = openapi.document(self.store.catalog, path) if path.startswith("/openapi/v3") else None
        if described is not None:
            return json_answer(described, accept_encoding=call.headers.get("Accept-Encoding", ""))
        if path == "/openapi/v2":
            return web.Response(body=openapi.V2_DOCUMENT, headers={**common_headers(), "Content-Type": openapi.V2_TYPE})
        if not path:
            return json_answer({"paths": ["/api", "/api/v1", "/apis", *_HEALTH_PATHS, "/openapi/v3", "/version"]})
        return text_answer("404 page not found\n", 404)


_HANDLERS = {
    "get": reads.get,
    "list": reads.list_objects,
    "create": writes.create,
    "update": writes.update,
    "patch": writes.patch,
    "delete": writes.delete,
    "deletecollection": writes.delete_collection,
}


async def _call(request: web.Request) -> Call:
    return Call(
        method=request.method,
        path=request.path,
        verb="",
        query=request.query,
        headers=request.headers,
        body=await request.read() if request.body_exists else b"",
    )


def _internal(why: str) -> StatusError:
    causes = {"causes": [{"message": why[:200]}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {why[:200]}", causes)


_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: demo
clusters:
- name: demo
  cluster:
    server: {url}
    certificate-authority-data: {ca}
contexts:
- name: demo
  context:
    cluster: demo
    user: {user}
    namespace: default
users:
- name: {user}
  user:
    token: {token}
"""
