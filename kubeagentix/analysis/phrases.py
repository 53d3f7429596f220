"""How each kind of logged failure reads in a title, and what is generally to be known of it."""

from __future__ import annotations

from kubeagentix.analysis import signatures as known
from kubeagentix.analysis.logs import PANIC

# With the thing it names, and without; "" where the line itself is quoted instead.
_PHRASES = {
    known.CONNECTION_REFUSED: ("connection to {} refused", "a connection is refused"),
    known.CONNECTION_RESET: ("the connection to {} is cut off", "a connection is cut off by the other end"),
    known.CONNECTION_TIMEOUT: ("no answer from {}", "a connection times out"),
    known.NO_SUCH_HOST: ("the host {} cannot be resolved", "a host name cannot be resolved"),
    known.UPSTREAM_UNAVAILABLE: ("{} answers that it is unavailable", "what it asks answers that it is unavailable"),
    known.NOT_FOUND: ("{} answers that there is no such thing (404)", "what it asks for is not there (404)"),
    known.SERVER_ERROR: ("{} answers with an error of its own", "what it asks answers with an error of its own"),
    known.UNREACHABLE: ("{} cannot be reached", "no server that it knows can be reached"),
    known.AUTHENTICATION_FAILED: ("authentication failed ({})", "authentication failed"),
    known.MISSING_ROLE: ("{} is not known to the server", "its user is not known to the server"),
    known.FORBIDDEN: ("access is forbidden ({})", "access is forbidden"),
    known.RATE_LIMITED: ("{} answers that it asks too often", "it asks another service too often"),
    known.TOO_MANY_CONNECTIONS: ("{} accepts no more connections", "the other end accepts no more connections"),
    known.CERTIFICATE_EXPIRED: ("the certificate of {} has expired", "a TLS certificate has expired"),
    known.CERTIFICATE_HOST: ("the certificate of {} is for another name", "a TLS certificate is for another name"),
    known.CERTIFICATE_UNTRUSTED: (
        "the certificate of {} is signed by nobody it trusts",
        "a TLS certificate is signed by nobody it trusts",
    ),
    known.CERTIFICATE_INVALID: ("the certificate of {} is not accepted", "a TLS certificate is not accepted"),
    known.TLS_MISMATCH: ("only one of it and {} speaks TLS", "only one end of a connection speaks TLS"),
    known.TLS_UNSUPPORTED: ("it and {} share no version of TLS", "two ends share no version or cipher of TLS"),
    known.NO_LEADER: ("{} has no leader or broker to answer", "what it asks has no leader or broker to answer"),
    known.READ_ONLY_SERVER: ("{} takes no writes", "the server it writes to takes no writes"),
    known.REPLICATION_BROKEN: ("replication is broken ({})", "replication is broken"),
    known.DEADLOCK: ("it waits for itself (deadlock)", "a deadlock"),
    known.MISSING_DATABASE: ("the database {} does not exist", "the database it uses does not exist"),
    known.MISSING_COLUMN: ("the database has no column {}", "a column is missing from its database"),
    known.MISSING_TABLE: ("the database has no table {}", "a table is missing from its database"),
    known.MISSING_QUEUE: ("the queue or topic {} does not exist", "a queue or topic does not exist"),
    known.MISSING_BUCKET: ("the bucket {} does not exist", "its bucket does not exist"),
    known.MISSING_KIND: ("the cluster has no kind {}", "the cluster lacks a kind of object that it asks for"),
    known.MIGRATION_FAILED: ("a migration failed ({})", "a migration of its database failed"),
    known.MIGRATION_LOCKED: ("its migrations are locked by another run", "its migrations are locked by another run"),
    known.MIGRATION_PENDING: ("migrations are pending ({})", "migrations of its database are pending"),
    known.MISSING_VARIABLE: ("the setting {} is missing", "a setting is missing"),
    known.MISSING_KEY: ("its configuration lacks {}", "its configuration lacks a key"),
    known.SETTING_MISTYPED: ("the value of {} is of the wrong type", ""),
    known.VALUE_MISTYPED: ('a value "{}" is of the wrong type', "a value is of the wrong type"),
    known.SERVICE_LINK: ("it reads {} where it expects a port number", ""),
    known.LICENSE_INVALID: ("", "its licence is not accepted"),
    known.CONFIG_INVALID: ("its configuration is not valid: {}", ""),
    known.MISSING_FILE: ("{} does not exist", "a file does not exist"),
    known.SOCKET_MISSING: ("nothing listens at the socket {}", "nothing listens at a socket it uses"),
    known.IS_A_DIRECTORY: (
        "{} is a directory, where it expects a file",
        "it finds a directory where it expects a file",
    ),
    known.PERMISSION_DENIED: ("permission denied for {}", "permission denied"),
    known.READ_ONLY: ("{} is on a read-only file system", "it writes to a read-only file system"),
    known.DISK_FULL: ("no space left for {}", "no space is left on a disk"),
    known.LOCK_HELD: ("{} is in use by another process", "its data directory is in use by another process"),
    known.DIRECTORY_NOT_EMPTY: ("{} is not empty, as it has to be", "its data directory is not empty, as it has to be"),
    known.DATA_VERSION: ("its data is of another version ({})", "its data is of another version"),
    known.DATA_CORRUPTED: ("its data is damaged ({})", "its data is damaged"),
    known.WRONG_USER: ("it may not run as this user ({})", "it may not run as this user"),
    known.KERNEL_LIMIT: ("the node's {} is too low for it", "a limit of the node's kernel is too low for it"),
    known.ADDRESS_IN_USE: ("{} is already in use", "its address is already in use"),
    known.MISSING_MODULE: ("the module {} is missing from the image", "a module is missing from the image"),
    known.MISSING_EXTENSION: ("the extension {} is missing", "an extension is missing"),
    known.RUNTIME_VERSION: ("the image's runtime is of another version ({})", "the image's runtime is too old"),
    known.OUT_OF_MEMORY: ("its own memory is used up ({})", "its own memory is used up"),
    known.TOO_MANY_FILES: ("too many open files ({})", "too many open files"),
    known.SEGMENTATION_FAULT: ("", "segmentation fault"),
    known.LEADER_ELECTION_LOST: ("it lost its lease {}", "it lost its leader election"),
    known.DNS_LOOP: ("its questions of zone {} come back to itself", "its questions come back to itself"),
    PANIC: ("{}", ""),
}

# What is generally to be known, a sentence that can follow the log's own words.
_ADVICE = {
    known.DNS_LOOP: (
        "It forwards to a name server that asks it again: most often the node's resolv.conf names 127.0.0.53."
    ),
    known.MISSING_COLUMN: "Columns are added by migrations: have they run on this database?",
    known.NOT_FOUND: "The other end does answer: the path is wrong, or it is another version or another server.",
    known.MISSING_TABLE: "Tables are made by migrations: have they run on this database?",
    known.MIGRATION_LOCKED: "A run that was killed leaves its lock behind; release it once no other run is under way.",
    known.MIGRATION_FAILED: "Compare its history with the image's migrations, and mend it before it is tried again.",
    known.KERNEL_LIMIT: "It is set on the node with sysctl, or by a privileged init container; no limit of the pod's.",
    known.LEADER_ELECTION_LOST: "It did not renew its lease in time: the API server was slow, or it was short of CPU.",
    known.READ_ONLY_SERVER: "It is a replica, or has stopped writes to protect a disk that is nearly full.",
    known.RUNTIME_VERSION: "The program was built for a newer runtime than the image has.",
    known.DATA_VERSION: "Its image was changed to another major version, while its volume kept the old one's files.",
    known.MISSING_KIND: "The CustomResourceDefinition is not installed, or serves other versions only.",
    known.TLS_MISMATCH: "Its URL says https where the other end speaks http, or the reverse; or the port is another's.",
    known.CERTIFICATE_UNTRUSTED: "The authority that signed it has to be in the bundle that the program trusts.",
    known.CERTIFICATE_HOST: "The name by which it asks has to be among the certificate's subject alternative names.",
}
_PHRASE_MAX_CHARS = 120


def phrase_of(signature: str, subject: str, line: str) -> str:
    """A phrase for a title; the log's `line` is quoted where the signature has no words of its own."""
    named, unnamed = _PHRASES.get(signature, ("", ""))
    if signature == known.NO_SUCH_HOST:
        subject = subject.partition(":")[0]  # names have no ports
    if unnamed and not (subject and named):
        return unnamed
    return named.format(subject or line[:_PHRASE_MAX_CHARS])


def advice_of(signature: str) -> str:
    """A sentence with a space before it, or ""."""
    advice = _ADVICE.get(signature, "")
    return f" {advice}" if advice else ""
