"""The wordings by which programs of any language say why they failed: one row per kind of failure.

Rows are tried in order, the more telling first; the patterns themselves are in the `wordings_of_…` modules. A bare
word such as "error" or "timeout" is never enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from kubeagentix.analysis import wordings_of_networks as networks
from kubeagentix.analysis import wordings_of_servers as servers
from kubeagentix.analysis import wordings_of_settings as settings
from kubeagentix.analysis import wordings_of_systems as systems
from kubeagentix.analysis.log_lines import abridged
from kubeagentix.analysis.mentions import endpoint_in, is_address, path_in, port_in, user_in
from kubeagentix.analysis.wording_stems import STEMS

ADDRESS_IN_USE = "AddressInUse"
AUTHENTICATION_FAILED = "AuthenticationFailed"
CERTIFICATE_EXPIRED = "CertificateExpired"
CERTIFICATE_HOST = "CertificateHostMismatch"
CERTIFICATE_INVALID = "CertificateInvalid"
CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
CONFIG_INVALID = "ConfigInvalid"
CONNECTION_REFUSED = "ConnectionRefused"
CONNECTION_RESET = "ConnectionReset"
CONNECTION_TIMEOUT = "ConnectionTimeout"
DATA_CORRUPTED = "DataCorrupted"
DATA_VERSION = "DataVersion"
DEADLOCK = "Deadlock"
DIRECTORY_NOT_EMPTY = "DirectoryNotEmpty"
DISK_FULL = "DiskFull"
DNS_LOOP = "DNSLoop"
EXEC_FORMAT = "ExecFormat"
EXEC_NOT_FOUND = "ExecNotFound"
FORBIDDEN = "Forbidden"
IS_A_DIRECTORY = "IsADirectory"
KERNEL_LIMIT = "KernelLimit"
LEADER_ELECTION_LOST = "LeaderElectionLost"
LICENSE_INVALID = "LicenseInvalid"
LOCK_HELD = "LockHeld"
MIGRATION_FAILED = "MigrationFailed"
MIGRATION_LOCKED = "MigrationLocked"
MIGRATION_PENDING = "MigrationPending"
MISSING_BUCKET = "MissingBucket"
MISSING_COLUMN = "MissingColumn"
MISSING_DATABASE = "MissingDatabase"
MISSING_EXTENSION = "MissingExtension"
MISSING_FILE = "MissingFile"
MISSING_KEY = "MissingKey"
MISSING_KIND = "MissingKind"
MISSING_MODULE = "MissingModule"
MISSING_QUEUE = "MissingQueue"
MISSING_ROLE = "MissingRole"
MISSING_TABLE = "MissingTable"
MISSING_VARIABLE = "MissingVariable"
NOT_FOUND = "NotFound"
NO_LEADER = "NoLeader"
NO_SUCH_HOST = "NoSuchHost"
OUT_OF_MEMORY = "OutOfMemory"
PERMISSION_DENIED = "PermissionDenied"
RATE_LIMITED = "RateLimited"
READ_ONLY = "ReadOnlyFileSystem"
READ_ONLY_SERVER = "ReadOnlyServer"
REPLICATION_BROKEN = "ReplicationBroken"
RUNTIME_VERSION = "RuntimeVersion"
SEGMENTATION_FAULT = "SegmentationFault"
SERVER_ERROR = "ServerError"
SERVICE_LINK = "ServiceLink"
SETTING_MISTYPED = "SettingMistyped"
SOCKET_MISSING = "SocketMissing"
TLS_MISMATCH = "TlsMismatch"
TLS_UNSUPPORTED = "TlsUnsupported"
TOO_MANY_CONNECTIONS = "TooManyConnections"
TOO_MANY_FILES = "TooManyFiles"
UNREACHABLE = "Unreachable"
UPSTREAM_UNAVAILABLE = "UpstreamUnavailable"
VALUE_MISTYPED = "ValueMistyped"
WRONG_USER = "WrongUser"

TEXT_MAX_CHARS = 2000  # patterns run over no more of a text

_Subject = Callable[[str, re.Match[str]], str]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One kind of failure: how it reads, and how to find what it is about from the text and the match.

    A text that holds none of the `stems`, in lower case, does not match.
    """

    name: str
    stems: tuple[str, ...]
    patterns: tuple[str, ...]
    subject: _Subject

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All `patterns` as one, made when a text first holds a stem: those of all rows take a tenth of a second."""
        return re.compile("|".join(_scoped(item) for item in self.patterns))


def recognise(text: str) -> tuple[str, str] | None:
    """(signature's name, the thing named or "") of the first row that `text` shows, or None.

    The thing is a `host:port`, a path, a variable, a module, a port or a user, whichever the signature is about.
    """
    text = abridged(text, TEXT_MAX_CHARS)
    lowered = text.lower()
    for signature in SIGNATURES:
        for stem in signature.stems:
            if stem in lowered:
                match = signature.pattern.search(text)
                if match is not None:
                    return signature.name, signature.subject(text, match)
                break
    return None


def _endpoint(text: str, _: re.Match[str]) -> str:
    return endpoint_in(text)


def _path(text: str, match: re.Match[str]) -> str:
    return path_in(text, match.start())


def _named(_: str, match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _port(text: str, _: re.Match[str]) -> str:
    return port_in(text)


def _who(text: str, _: re.Match[str]) -> str:
    endpoint = endpoint_in(text)
    return user_in(text) or endpoint if is_address(endpoint) else endpoint or user_in(text)


def _account(text: str, _: re.Match[str]) -> str:
    account = re.search(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+", text)
    return account[0] if account else endpoint_in(text)


def _path_or_port(text: str, match: re.Match[str]) -> str:
    is_bind = re.search(r"\b(?:bind|listen)\b", text) is not None
    return (port_in(text) if is_bind else "") or path_in(text, match.start())


def _named_or_path(text: str, match: re.Match[str]) -> str:
    return _named(text, match) or path_in(text, match.start())


def _named_or_endpoint(text: str, match: re.Match[str]) -> str:
    return _named(text, match) or endpoint_in(text)


def _who_is_missing(text: str, match: re.Match[str]) -> str:
    name = _named(text, match)
    return f"user {name}" if name else endpoint_in(text)


def _kind(_: str, match: re.Match[str]) -> str:
    return " of ".join(group for group in match.groups() if group)


def _nothing(_: str, __: re.Match[str]) -> str:
    return ""


def _row(name: str, subject: _Subject, patterns: tuple[str, ...]) -> Signature:
    return Signature(name=name, stems=STEMS[name], patterns=patterns, subject=subject)


def _scoped(pattern: str) -> str:
    # A flag at the head of one alternative must not leak into the others.
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else f"(?:{pattern})"


SIGNATURES: tuple[Signature, ...] = (
    _row(OUT_OF_MEMORY, _named, systems.OUT_OF_MEMORY),
    _row(TOO_MANY_FILES, _path, systems.TOO_MANY_FILES),
    _row(READ_ONLY, _path, systems.READ_ONLY),
    _row(READ_ONLY_SERVER, _named_or_endpoint, servers.READ_ONLY_SERVER),
    _row(DISK_FULL, _path, systems.DISK_FULL),
    _row(EXEC_FORMAT, _path, systems.EXEC_FORMAT),
    _row(EXEC_NOT_FOUND, _path, systems.EXEC_NOT_FOUND),
    _row(SEGMENTATION_FAULT, _nothing, systems.SEGMENTATION_FAULT),
    _row(TLS_MISMATCH, _endpoint, networks.TLS_MISMATCH),
    _row(CERTIFICATE_EXPIRED, _endpoint, networks.CERTIFICATE_EXPIRED),
    _row(CERTIFICATE_HOST, _endpoint, networks.CERTIFICATE_HOST),
    _row(CERTIFICATE_UNTRUSTED, _endpoint, networks.CERTIFICATE_UNTRUSTED),
    _row(TLS_UNSUPPORTED, _endpoint, networks.TLS_UNSUPPORTED),
    _row(CERTIFICATE_INVALID, _endpoint, networks.CERTIFICATE_INVALID),
    _row(DNS_LOOP, _named, networks.DNS_LOOP),
    _row(ADDRESS_IN_USE, _port, systems.ADDRESS_IN_USE),
    _row(RUNTIME_VERSION, _named, systems.RUNTIME_VERSION),
    _row(MISSING_EXTENSION, _named, systems.MISSING_EXTENSION),
    _row(MISSING_MODULE, _named, systems.MISSING_MODULE),
    _row(KERNEL_LIMIT, _named, systems.KERNEL_LIMIT),
    _row(DATA_VERSION, _named, systems.DATA_VERSION),
    _row(DATA_CORRUPTED, _path, systems.DATA_CORRUPTED),
    _row(LOCK_HELD, _named_or_path, systems.LOCK_HELD),
    _row(DIRECTORY_NOT_EMPTY, _named_or_path, systems.DIRECTORY_NOT_EMPTY),
    _row(WRONG_USER, _named, systems.WRONG_USER),
    _row(MIGRATION_LOCKED, _endpoint, servers.MIGRATION_LOCKED),
    _row(NO_LEADER, _endpoint, servers.NO_LEADER),
    _row(NO_SUCH_HOST, _endpoint, networks.NO_SUCH_HOST),
    _row(SOCKET_MISSING, _named_or_path, systems.SOCKET_MISSING),
    _row(CONNECTION_REFUSED, _endpoint, networks.CONNECTION_REFUSED),
    _row(MISSING_DATABASE, _named, servers.MISSING_DATABASE),
    _row(MIGRATION_FAILED, _named, servers.MIGRATION_FAILED),
    _row(MIGRATION_PENDING, _named, servers.MIGRATION_PENDING),
    _row(MISSING_COLUMN, _kind, servers.MISSING_COLUMN),
    _row(MISSING_TABLE, _named, servers.MISSING_TABLE),
    _row(MISSING_QUEUE, _named, servers.MISSING_QUEUE),
    _row(MISSING_BUCKET, _named, servers.MISSING_BUCKET),
    _row(TOO_MANY_CONNECTIONS, _endpoint, servers.TOO_MANY_CONNECTIONS),
    _row(RATE_LIMITED, _endpoint, networks.RATE_LIMITED),
    _row(MISSING_ROLE, _who_is_missing, servers.MISSING_ROLE),
    _row(AUTHENTICATION_FAILED, _who, servers.AUTHENTICATION_FAILED),
    _row(FORBIDDEN, _account, servers.FORBIDDEN),
    _row(MISSING_KIND, _kind, servers.MISSING_KIND),
    _row(LEADER_ELECTION_LOST, _named, servers.LEADER_ELECTION_LOST),
    _row(REPLICATION_BROKEN, _named, servers.REPLICATION_BROKEN),
    _row(DEADLOCK, _nothing, servers.DEADLOCK),
    _row(UPSTREAM_UNAVAILABLE, _endpoint, networks.UPSTREAM_UNAVAILABLE),
    _row(NOT_FOUND, _endpoint, networks.NOT_FOUND),
    _row(SERVER_ERROR, _endpoint, networks.SERVER_ERROR),
    _row(SERVICE_LINK, _named, settings.SERVICE_LINK),
    _row(SETTING_MISTYPED, _named, settings.SETTING_MISTYPED),
    _row(MISSING_VARIABLE, _named, settings.MISSING_VARIABLE),
    _row(LICENSE_INVALID, _nothing, settings.LICENSE_INVALID),
    _row(PERMISSION_DENIED, _path_or_port, systems.PERMISSION_DENIED),
    _row(IS_A_DIRECTORY, _path, systems.IS_A_DIRECTORY),
    _row(MISSING_FILE, _named_or_path, systems.MISSING_FILE),
    _row(CONNECTION_TIMEOUT, _endpoint, networks.CONNECTION_TIMEOUT),
    _row(CONNECTION_RESET, _endpoint, networks.CONNECTION_RESET),
    _row(UNREACHABLE, _endpoint, networks.UNREACHABLE),
    _row(MISSING_KEY, _named, settings.MISSING_KEY),
    _row(CONFIG_INVALID, _named_or_path, settings.CONFIG_INVALID),
    _row(VALUE_MISTYPED, _named, settings.VALUE_MISTYPED),
)
