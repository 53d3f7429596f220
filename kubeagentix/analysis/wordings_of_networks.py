"""How clients say that another end could not be found, reached, trusted or agreed with. One tuple per failure.

The texts are those of resolvers, of the TLS libraries (Go, OpenSSL, Java, Node.js, Schannel's heirs in .NET), of HTTP
clients and proxies, and of the drivers of databases and brokers.
"""

from __future__ import annotations

from typing import Final


def answered(code: str) -> str:
    """The forms in which HTTP clients tell the status `code` of an answer; `code` may be a pattern."""
    return rf"(?i)\b(?:HTTP(?:/[\d.]+)?|(?:status(?:[ _]?code)?|error(?: code)?|response|code)[\"']?)[ :=]*\(?{code}\b"


def refused_with(code: str) -> str:
    """The forms in which HTTP clients tell that they give up at an answer of status `code`; `code` may be a pattern."""
    return (
        rf"(?i)requested URL returned error: {code}\b|\bERROR {code}: |server returned error: HTTP/[\d.]+ {code}\b"
        rf"|\b{code} (?:client|server) error: |\bfailed with status code {code}\b|\bHTTP error {code}: "
        rf"|\b(?:unexpected|bad|wrong) (?:HTTP )?(?:response )?status(?: code)?[: ]+{code}\b"
    )


CERTIFICATE_EXPIRED: Final = (
    r"(?i)certificate (?:has |is )?(?:expired|not yet valid)|\bCERT_HAS_EXPIRED\b|\bCERT_NOT_YET_VALID\b",
    r"CertificateExpiredException|CertificateNotYetValidException|tls: expired certificate|alert certificate expired",
    r"(?i)\bNotAfter: [^\n]{0,60}validity check failed|validity check failed|certificate_expired",
)
CERTIFICATE_HOST: Final = (
    r"x509: certificate is (?:valid for|not valid for any names)|x509: cannot validate certificate for \S+ because",
    r"x509: certificate relies on legacy Common Name|\bERR_TLS_CERT_ALTNAME_INVALID\b",
    r"(?i)hostname mismatch, certificate is not valid for|Hostname/IP does not match certificate's altnames",
    r"(?i)No subject alternative (?:DNS )?names? (?:present|matching|found)|doesn't match (?:either of )?'",
    r"(?i)no alternative certificate subject name matches target host|RemoteCertificateNameMismatch",
)
CERTIFICATE_UNTRUSTED: Final = (
    r"x509: certificate signed by unknown authority|PKIX path (?:building|validation) failed",
    r"(?i)self[- ]signed certificate|certificate signed by unknown authority|unknown certificate authority",
    r"(?i)unable to (?:verify the first|get (?:local )?issuer) certificate|RemoteCertificateChainErrors|UntrustedRoot",
    r"\b(?:DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)\b",
    r"\bUNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?\b|(?i:invalid peer certificate: UnknownIssuer)",
)
CERTIFICATE_INVALID: Final = (
    r"\bx509: |SSLHandshakeException|(?i:certificate[ _]verify[ _]failed|SSL certificate problem)",
    r"(?i)tls: (?:bad|unknown|failed to verify) certificate",
    r"(?i)remote certificate is invalid|failed to find any PEM data in (?:certificate|key) input",
)
TLS_MISMATCH: Final = (
    r"first record does not look like a TLS handshake|server gave HTTP response to HTTPS client",
    r"(?i)plain HTTP request was sent to (?:an )?HTTPS port|client sent an HTTP request to an HTTPS server",
    r"(?i)ssl[^\n]{0,60}wrong[ _]version[ _]number|\bEPROTO\b[^\n]{0,120}wrong version number",
    r"Unrecognized SSL message, plaintext connection|Unsupported or unrecognized SSL message",
    r"(?i)SSL is not enabled on the server|server does not support SSL|received invalid response to SSL negotiation",
)
TLS_UNSUPPORTED: Final = (
    r"(?i)tls: (?:no supported versions|protocol version not supported|no cipher suite|handshake failure)",
    r"(?i)server selected unsupported protocol version|alert (?:number 70|protocol version)|unsupported protocol",
    r"(?i)no (?:appropriate protocol|cipher suites in common|shared cipher|mutual cipher)",
    r"(?i)ssl[^\n]{0,40}no protocols avail",
    r"(?i)sslv3 alert handshake failure|dh key too small|ca md too weak|unsafe legacy renegotiation disabled",
)
NO_SUCH_HOST: Final = (
    r"(?i)\bno such host\b|name or service not known|name does not resolve|nodename nor servname provided",
    r"\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME|EAI_FAIL|EAI_NODATA|UnknownHostException)\b|: ?NXDOMAIN\b",
    r"\blookup \S+(?: on \S+)?: [^\n]{0,300}(?:i/o timeout|server misbehaving|connection refused)",
    r"(?i)temporary failure in name resolution|name resolution (?:failed|failure|error)",
    r"(?i)could not translate host name|failed to lookup address information|no address associated with host",
    r"(?i)(?:could not|couldn't|failed to|unable to|can't) resolve (?:host|'|address|name)",
    r"(?i)\bbad address '|unknown (?:\w+ )?server host|unknown host\b|dns (?:lookup|resolution) failed",
    r"(?i)\bresolving timed out after \d+",  # curl
    r"(?i)host (?:name )?not found in upstream|non-existing domain|:nxdomain\b|no resolvable bootstrap urls",
)
DNS_LOOP: Final = (r"plugin/loop: Loop \([^)]*\) detected for zone \"([^\"]+)\"",)  # CoreDNS
CONNECTION_REFUSED: Final = (
    r"(?i)\bconnection(?: to \S+)? (?:was )?refused\b|actively refused|broker may not be available",
    r"\bECONNREFUSED\b|Connect call failed|:econnrefused\b",
    r"(?i)can't connect to (?:local )?(?:\w+ )?server (?:on|through)|could not connect to server\b",
    r"(?i)failed to connect to \S+ port \d+ after \d+ ms: (?:couldn't|could not) connect",
)
RATE_LIMITED: Final = (
    answered("429"),
    r"(?i:\brate limit (?:reached|exceeded)|\btoo ?many ?requests\b)",
    r"\bThrottling(?:Exception|ed)\b|\brateLimitExceeded\b|\bRESOURCE_EXHAUSTED\b",
)
UPSTREAM_UNAVAILABLE: Final = (
    r"(?i)\b(?:HTTP(?:/[\d.]+)?|status(?:[ _]?code)?|error code|response)[\"']?[ :=]*\(?50[234]\b",
    r"(?i)\b50[234](?: server error)?\)?:? (?:bad gateway|service (?:temporarily )?unavailable|gateway time-?out)",
    r"no healthy upstream|upstream connect error or disconnect/reset before headers|no live upstreams while connecting",
    r"(?i)code = Unavailable desc = (?:no healthy|upstream)|503 Service Unavailable",
    refused_with("50[234]"),
    # Source: PostgreSQL postmaster.c, Redis server.c
    r"(?i)the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections)",
    r"LOADING Redis is loading the dataset in memory",
)
NOT_FOUND: Final = (refused_with("404"),)
SERVER_ERROR: Final = (refused_with("5(?:0[015-9]|1\\d)"),)
CONNECTION_TIMEOUT: Final = (
    r"(?i)\bi/o timeout\b|context deadline exceeded|\btimeout expired\b",
    r"(?i)\bconnect(?:ion|ing)?(?: attempt)?(?: to [^\n]{1,80}?)? (?:has )?tim(?:ed|e) ?out\b",
    r"\b(?:ETIMEDOUT|ESOCKETTIMEDOUT|EHOSTUNREACH|ENETUNREACH|ReadTimeout(?:Error)?)\b",
    r"\b(?:ConnectTimeout(?:Error|Exception)?|SocketTimeoutException|ServerSelectionTimeoutError)\b",
    r"(?i)\b(?:operation|read|request|upstream|dial|handshake|download) timed out\b",
    r"(?i)timed out (?:waiting for|connecting|after|while)|request canceled while waiting for connection",
    r"(?i)failed to connect to \S+ port \d+ after \d+ ms: timeout|\bServer selection timed out\b",
    r"(?i)no route to host|network is unreachable|host is unreachable",
    r"(?i)\bserver selection timeout\b|\btimeout occurred after \d+ms selecting a server",  # MongoDB's Go and .NET
    r"\bCall\(callName=\w+[^\n]{0,120}timed out|connect_timeout\[\d+\w+\]",  # Kafka, Elasticsearch
    r"Could not connect to Redis at [^\n]{1,80}: (?:Operation|Connection) timed out",
)
CONNECTION_RESET: Final = (
    r"(?i)\bconnection reset by peer\b|\bECONNRESET\b|socket hang up|\bRemoteDisconnected\b",
    r"(?i)server closed the connection unexpectedly|lost connection to MySQL server|MySQL server has gone away",
    r"(?i)connection (?:was )?(?:closed|aborted) by (?:the )?(?:server|remote host)",
    r"(?i)unexpected EOF on client connection|\bempty reply from server\b|Exception \(501\) Reason: \"EOF\"",
)
# Drivers that give up on all the servers they know, without a word on how each of them failed.
UNREACHABLE: Final = (
    r"All host\(s\) tried for query failed|\bNoHostAvailable(?:Exception)?\b|Could not reach any contact point",
    r"no hosts available in the pool|unable to connect to initial hosts",  # Cassandra: Java, Python, Go
    r"\b[1-9]\d*/\d+ brokers are down|Bootstrap broker \S+ [^\n]{0,40}disconnected",
    r"\bBrokerUnreachableException\b|None of the specified endpoints were reachable|\bAMQPConnectionError\b",
    r"NoNodeAvailable\w*|None of the configured nodes (?:are|were) available|(?i:no Elasticsearch node available)",
    r"(?i)\bno living connections\b|\bNoLivingConnectionsError\b|\bunable to revive connection\b",
    r"(?i)\ball sentinels (?:down|specified in configuration are unreachable)|no reachable node in cluster",
    r"Redis Cluster cannot be connected|\bClusterAllFailedError\b|\bMaxRetriesPerRequestError\b",
    r"RedisConnectionException: Unable to connect to|It was not possible to connect to the redis server",
    r"nats: no servers available for connection|\bCommunications link failure\b",
    r"PSQLException: The connection attempt failed",
)
