"""Words that say at once that a text is of no kind: each way to tell a failure holds one of its kind's, in lower case.

Patterns cost far more than words, and most lines of most logs hold no word of most kinds.
"""

from __future__ import annotations

from typing import Final

_STEMS = {
    "OutOfMemory": "memory|to allocate|could not reserve|std::bad_alloc|enomem",
    "TooManyFiles": "no space left on device|file watchers reached|too many open files|emfile|enfile",
    "ReadOnlyFileSystem": "read-only file|erofs",
    "ReadOnlyServer": "only|and slaveok|misconf redis is|etcdserver: mvcc:|notwritableprimary|] blocked by",
    "DiskFull": "no space left on device|disk quota exceeded|enospc|edquot|disk",
    "ExecFormat": "exec format error",
    "ExecNotFound": "no such file or",
    "SegmentationFault": "segmentation fault|sigsegv (0xb) at pc=",
    "TlsMismatch": "unrecognized ssl|response to|does not|request|version|ssl is not enabled on",
    "CertificateExpired": "certificate|validity check failed|cert_not_yet_valid|cert_has_expired",
    "CertificateHostMismatch": "certificate|no subject alternative|err_tls_cert_altname_inv|doesn't match",
    "CertificateUntrusted": (
        "certificate|pkix path|unable_to_verify_leaf_si|depth_zero_self_signed_c|self_signed_cert_in_chai|"
        "unable_to_get_issuer_cer|untrustedroot"
    ),
    "TlsUnsupported": (
        "protocol|cipher|handshake failure|unsafe legacy|tls: no supported|dh key too small|alert number 70|"
        "ca md too weak"
    ),
    "CertificateInvalid": "certificate|failed to find any pem|sslhandshakeexception|x509:",
    "DNSLoop": "plugin/loop",
    "AddressInUse": "in use|only one usage of each|eaddrinuse",
    "RuntimeVersion": 'requires|\' not found|you must install or|the engine "node" is|unsupportedclassversione',
    "MissingExtension": (
        "could not|is not|failed to find any|unable to load dynamic|call to undefined|missing plugin ["
    ),
    "MissingModule": (
        ": no module named|could not|loading shared|cannot find|importerror: cannot|: cannot open shared|"
        "cannot load such file --|classnotfoundexception:|noclassdeffounderror:"
    ),
    "KernelLimit": "too low",
    "DataVersion": "version|unsupported redo|invalid mysql|database files are",
    "DataCorrupted": (
        "wiredtiger|checkpoint record|database|bad file format reading|translogcorruptedexcepti|"
        "corruptindexexception|wal: crc mismatch"
    ),
    "LockHeld": "lock",
    "DirectoryNotEmpty": "directory|enotempty",
    "WrongUser": 'as root|data directory "|"root" execution of the',
    "MigrationLocked": "migration|unable to|acquire|waiting for changelog",
    "NoLeader": (
        "available|leader|master|keepererrorcode|primary|cluster|no replica set members|all broker connections"
    ),
    "NoSuchHost": (
        "resolve|resolution|lookup|host|domain|nodename nor servname|no resolvable bootstrap|name or service not|"
        "resolving timed out|bad address '|eai_noname|eai_nodata|enotfound|eai_again|eai_fail"
    ),
    "SocketMissing": "no such file or|cannot connect to the|connect() to unix:|through socket '|connect enoent /",
    "ConnectionRefused": "connect to|refused|broker may not be|connect call failed",
    "MissingDatabase": "database|does not exist",
    "MigrationFailed": "migration|revision|dirty database version|validate failed:|p3009|p3018",
    "MigrationPending": "migration|database|schema",
    "MissingColumn": "column|: invalid identifier",
    "MissingTable": "t exist|no such|invalid object name '|ora-00942",
    "MissingQueue": "topic|' in vhost|not found|aws.simplequeueservice.n|queuedoesnotexist",
    "MissingBucket": "bucket|containernotfound",
    "TooManyConnections": (
        "many connection|connection slots|timed out|clients|no more connections|queuepool limit of size"
    ),
    "RateLimited": "rate limit|429|throttlingexception|resource_exhausted|ratelimitexceeded|throttlinged|requests",
    "MissingRole": "t exist|could not|usernotfound",
    "AuthenticationFailed": (
        "authentication|credential|password|incorrect|token|wrong|unauthenticated|invalid user|connect to|access|"
        "401|bad user|login|permission denied|no pg_hba.conf entry for|exception authenticating|"
        "signaturedoesnotmatch|invalid api|bad api|noauth"
    ),
    "Forbidden": (
        "permission|accessdenied|not authorized|forbidden|owner of|403|topic_authorization_fail|"
        "group_authorization_fail|noperm"
    ),
    "MissingKind": "resource|match|unable to retrieve the",
    "LeaderElectionLost": "election|failed to renew lease",
    "ReplicationBroken": "replica|error 1236|could not start wal|has already been removed|slave sql",
    "Deadlock": "deadlock|lock wait timeout|database is locked|sqlite_busy",
    "UpstreamUnavailable": "the database|unavailable|50|upstream|loading redis is",
    "NotFound": "404",
    "ServerError": (
        "returned error|client error:|server error:|failed with|http error|unexpected|wrong|error 50|error 51|bad"
    ),
    "ServiceLink": "tcp://",
    "SettingMistyped": (
        "should be|is not|must be|invalid value for|argument|failed to bind|parsing environment|"
        'parse error on field "|: converting \'|" for flag -'
    ),
    "MissingVariable": (
        "env|defined|provide|specified|not be|require|be set|not found|not set|specify|unset|could not resolve|"
        ": unbound variable|not configured|no value for|not present|must define|please set|keyerror:|mandatory|"
        "expected|must set|set the|to set|empty|missing"
    ),
    "LicenseInvalid": "licen|security_exception",
    "PermissionDenied": (
        "permission|failed to write to log|operation not permitted|accessdeniedexception|(os error 13)|eacces|eperm"
    ),
    "IsADirectory": "directory|eisdir",
    "MissingFile": (
        "t exist|not found|cannot find|enoent|no such file or|unable to access jarfile|filenotfoundexception|"
        "nosuchfileexception|filenotfounderror|could not open|(os error 2)"
    ),
    "ConnectionTimeout": (
        "timed out|timeout|unreachable|time|request canceled while|context deadline|no route to host|"
        "ehostunreach|enetunreach"
    ),
    "ConnectionReset": (
        "connection|exception (501) reason:|mysql server has gone|empty reply from server|remotedisconnected|"
        "socket hang up|econnreset"
    ),
    "Unreachable": (
        "available|reachable|connect to|connections|connected|connection|all host(s) tried for|"
        "could not reach any|communications link|maxretriesperrequesterro|clusterallfailederror|"
        "all sentinels down|brokers are down"
    ),
    "MissingKey": "mandatory|required|key|value cannot be null.|property|field",
    "ConfigInvalid": (
        "unmarshal|deserializ|decod|pars|load|read|valid|unrecogni|illegal|unknown|malformed|config|yaml|"
        "ml syntax error|setting|json|mapping values are not|flag provided but not|missing script:|required flag|"
        "bad directive|[emerg]|toml:"
    ),
    "ValueMistyped": 'duration|for int|string|: parsing "',
}
STEMS: Final = {name: tuple(words.split("|")) for name, words in _STEMS.items()}
