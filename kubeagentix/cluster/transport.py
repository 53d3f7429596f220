"""What goes wrong between here and the API server, in our own words: urllib3's exceptions translated at the border."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from kubeagentix.errors import KubeAgentiXError, KubeconfigError, UnreachableError, excerpt

CONNECT_TIMEOUT_S = 10.0  # longer means a wrong address or a missing VPN, not a busy server


def unreachable(error: Exception, server: str) -> KubeAgentiXError:
    """The error that says why no answer came from `server`, to be raised from `error`."""
    import urllib3.exceptions as http  # noqa: PLC0415  80 ms to import

    host = urlsplit(server).netloc.rpartition("@")[2]  # without who logs in, and with which password
    match error:
        case http.SSLError():
            return _tls(error, host)
        case http.LocationValueError() | http.URLSchemeUnknown():
            return KubeconfigError(f"{excerpt(server)} is no address of a server", hint="see `kubectl config view`")
        case http.ProxyError():
            seen = f"cannot reach {host} through the proxy: {_without_class(error.args[-1])}"
            hint = "check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY"
        case http.NameResolutionError():
            seen = f"cannot reach {host}: no such host"
            hint = "check the server of the kubeconfig, DNS and the VPN"
        case http.NewConnectionError():  # before ConnectTimeoutError, of which it is a kind
            seen = f"cannot reach {host}: {_os_reason(error)}"
            hint = "is the cluster running, and is this its address (`kubectl config view --minify`)?"
        case http.ConnectTimeoutError():
            seen = f"cannot reach {host}: no answer within {CONNECT_TIMEOUT_S:g} s"
            hint = "check the VPN and whether a firewall lets you through"
        case http.ReadTimeoutError():
            seen = f"{host} took the request and did not answer"
            hint = "check the server's health"
        case _:
            seen = f"the connection to {host} broke: {_inner(error)}"
            hint = "try again; if it lasts, see what stands between here and the server"
    return UnreachableError(seen, hint=hint)


def was_dropped(error: BaseException | None) -> bool:
    """Whether the connection was made and then lost, so that asking again may well succeed."""
    from urllib3.exceptions import IncompleteRead, ProtocolError  # noqa: PLC0415  80 ms to import

    return isinstance(error, ProtocolError | IncompleteRead)


def _inner(error: Exception) -> str:
    # urllib3 wraps what happened: ProtocolError("Connection aborted.", RemoteDisconnected("Remote end closed …")).
    causes = [item for item in error.args if isinstance(item, Exception)]
    if "IncompleteRead" in str(error) or "ended prematurely" in str(error):
        return "the answer ended in the middle"
    return excerpt(str(causes[-1] if causes else error)) or type(error).__name__


def _without_class(error: object) -> str:
    # "HTTPConnection(host='proxy', port=3128): Failed to resolve 'proxy' (…)"
    return excerpt(re.sub(r"^\w+\(host=.*?\): ", "", str(error)))


def _os_reason(error: Exception) -> str:
    # urllib3 writes "Failed to establish a new connection: [Errno 111] Connection refused".
    return excerpt(re.sub(r"^.*\[Errno -?\d+\] ", "", str(error))).lower()


def _tls(error: Exception, host: str) -> KubeAgentiXError:
    text = str(error)
    reason = _tls_reason(text)
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text or "HTTP_REQUEST" in text:
        seen, hint = f"{host} does not speak TLS", "should the kubeconfig's server be http://?"
    elif "ALERT" in text.upper() and "CERTIFICATE" in text.upper():
        seen, hint = f"{host} refuses the client certificate: {reason}", "get a new kubeconfig"
    elif "Hostname mismatch" in text or "IP address mismatch" in text:
        seen = f"the certificate of {host} is for another name: {reason}"
        hint = "use a name it holds as the server, or set tls-server-name in the kubeconfig"
    elif "CERTIFICATE_VERIFY_FAILED" in text:
        seen = f"the certificate of {host} is not trusted: {reason}"
        hint = "the kubeconfig may be of an older cluster at this address; get a new one"
    else:
        seen, hint = f"TLS with {host} failed: {reason}", "see `openssl s_client -connect`"
    return UnreachableError(seen, hint=hint)


def _tls_reason(text: str) -> str:
    # "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)"
    return excerpt(re.sub(r"\s*\(_ssl\.c:\d+\)", "", re.sub(r"^.*\] ", "", text)))
