"""The wordings by which programs of any language say why they failed: one row per kind of failure.

Rows are tried in order, the more telling first. The texts are those of the C library's errno, of the runtimes of
Go, Python, Java, Node.js, Ruby and .NET, of shells, and of the usual clients of databases, queues and HTTP. A bare
word such as "error" or "timeout" is never enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kubeagentix.analysis.mentions import endpoint_in, is_address, path_in, port_in, user_in

ADDRESS_IN_USE = "AddressInUse"
AUTHENTICATION_FAILED = "AuthenticationFailed"
CONFIG_INVALID = "ConfigInvalid"
CERTIFICATE_INVALID = "CertificateInvalid"
CONNECTION_REFUSED = "ConnectionRefused"
CONNECTION_TIMEOUT = "ConnectionTimeout"
DISK_FULL = "DiskFull"
DNS_LOOP = "DNSLoop"
EXEC_FORMAT = "ExecFormat"
EXEC_NOT_FOUND = "ExecNotFound"
FORBIDDEN = "Forbidden"
IS_A_DIRECTORY = "IsADirectory"
MISSING_DATABASE = "MissingDatabase"
MISSING_FILE = "MissingFile"
MISSING_TABLE = "MissingTable"
MISSING_VARIABLE = "MissingVariable"
NO_SUCH_HOST = "NoSuchHost"
OUT_OF_MEMORY = "OutOfMemory"
PERMISSION_DENIED = "PermissionDenied"
RATE_LIMITED = "RateLimited"
READ_ONLY = "ReadOnlyFileSystem"
TOO_MANY_CONNECTIONS = "TooManyConnections"
TOO_MANY_FILES = "TooManyFiles"

_Subject = Callable[[str, re.Match[str]], str]

_VARIABLE = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"  # with an underscore: words in capitals are not variables
_ENVIRONMENT = r"(?i:env(?:ironment)?(?: ?var(?:iable)?s?)?)\b"
_ABSENT = (
    r"(?i:not (?:set|found|defined|provided|specified|present|configured)|missing|required|mandatory|undefined|unset"
    r"|empty|(?:must|has to|have to|needs to|should) be (?:set|specified|provided|defined)"
    r"|(?:must|can|should) ?not be (?:empty|null|blank))"
)
_DEMANDED = (
    r"(?i:missing|required?|requires|expected|undefined|unset|no value for|not found|set the|please (?:set|provide)"
    r"|must (?:set|specify|provide|define)|needs? to (?:set|specify))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One kind of failure: how it reads, and how to find what it is about from the text and the match."""

    name: str
    pattern: re.Pattern[str]
    subject: _Subject


def recognise(text: str) -> tuple[str, str] | None:
    """(signature's name, the thing named or "") of the first row that `text` shows, or None.

    The thing is a `host:port`, a path, a variable, a module, a port or a user, whichever the signature is about.
    """
    for signature in SIGNATURES:
        match = signature.pattern.search(text)
        if match is not None:
            return signature.name, signature.subject(text, match)
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


def _row(name: str, subject: _Subject, *patterns: str) -> Signature:
    return Signature(name=name, pattern=re.compile("|".join(_scoped(item) for item in patterns)), subject=subject)


def _answered(code: int) -> str:
    return rf"(?i)\b(?:HTTP(?:/[\d.]+)?|(?:status(?:[ _]?code)?|error(?: code)?|response|code)[\"']?)[ :=]*\(?{code}\b"


def _scoped(pattern: str) -> str:
    # A flag at the head of one alternative must not leak into the others.
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else f"(?:{pattern})"


_MISSING_VARIABLE = (
    r"(?i)environment variable not found: (\w+)",
    rf"KeyError: ['\"]({_VARIABLE})['\"]",
    r"os\.environ[^\n]*\n(?:[^\n]*\n)*?KeyError: ['\"](\w+)['\"]",
    (
        rf"{_ENVIRONMENT}:? *(?i:named |called )?[\"'`$({{]*((?!var)[A-Za-z]\w{{2,}})[\"'`)}}]*"
        rf",? *(?i:is |was |are )?{_ABSENT}"
    ),
    rf"{_DEMANDED}(?i: a| the| required| mandatory)* {_ENVIRONMENT}[^\w\n]*(?i:named |called )?([A-Z]\w{{2,}})",
    (
        rf"\b({_VARIABLE})\b[\"'`)}}\]]*(?: {_ENVIRONMENT}| setting| value| option| parameter)?"
        r"(?: (?:for|in) [a-z ]{1,40}?)?"
        rf"[ :]*(?i:(?:is|was|has|are)(?: been)? )?{_ABSENT}"
    ),
    (
        rf"{_DEMANDED}(?i: setting| variable| value| key| option| config(?:uration)?| parameter| for| of)*"
        rf"[: ]+[\"'`$({{]*({_VARIABLE})\b"
    ),
    rf"(?i:\b([A-Za-z]\w{{2,}}) {_ENVIRONMENT} (?:is |was )?){_ABSENT}",
    r"\b([A-Za-z_]\w*): (?:parameter (?:null or )?not set|unbound variable)",
    rf"(?i:specify|set|provide|define)\b[^\n]{{0,60}}{_ENVIRONMENT}:?\s*\n[\s*-]*({_VARIABLE})",
    r"required key (\w+) missing value",
    r"Could not resolve placeholder '([^']+)'",
    r"UndefinedValueError: (\w+) not found",
    r"validation errors? for \w*(?:Settings|Config)\w*\n(\w+)",
)

SIGNATURES: tuple[Signature, ...] = (
    _row(
        OUT_OF_MEMORY,
        _named,
        r"\bjava\.lang\.OutOfMemoryError(?:: ([A-Za-z][\w ]+))?",
        r"(JavaScript heap) out of memory|(?m:^(?:\S+: )?MemoryError\b)|\bNoMemoryError\b",
        r"\bOutOfMemoryException\b|(CUDA) out of memory\b|\bstd::bad_alloc\b|fatal error: (?:runtime: )?out of memory",
        r"Allowed memory size of \d+ bytes exhausted|memory allocation of \d+ bytes failed",
        r"(?i)insufficient memory for the java runtime|could not reserve enough space for \S+ ?object heap",
        r"(?i)\bcannot allocate memory\b|\b(?:un|not )able to allocate (?:memory|\d+)",
        r"\bENOMEM\b|(?m:^(?:\S+: )?out of memory$)",
    ),
    _row(
        TOO_MANY_FILES,
        _path,
        r"(?i)\btoo many open files\b|file watchers reached|inotify[^\n]*no space left on device",
        r"\b(?:EMFILE|ENFILE)\b",
    ),
    _row(READ_ONLY, _path, r"(?i)read-only file ?system", r"\bEROFS\b"),
    _row(
        DISK_FULL,
        _path,
        r"(?i)no space left on device|disk quota exceeded|\bdisk (?:is )?full\b",
        r"\b(?:ENOSPC|EDQUOT)\b",
    ),
    _row(EXEC_FORMAT, _path, r"(?i)^exec .*exec format error", r"(?i)exec user process caused.*exec format error"),
    _row(
        EXEC_NOT_FOUND,
        _path,
        r"(?i)^exec \S+: no such file or directory",
        r"(?i)exec user process caused.*no such file or directory",
    ),
    _row(
        CERTIFICATE_INVALID,
        _endpoint,
        r"\bx509: |SSLHandshakeException|PKIX path (?:building|validation) failed",
        r"(?i)certificate[ _]verify[ _]failed|self[- ]signed certificate|SSL certificate problem",
        r"(?i)certificate (?:has |is )?(?:expired|not yet valid|signed by unknown authority)",
        r"(?i)unable to (?:verify the first|get (?:local )?issuer) certificate",
        r"\b(?:CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT|ERR_TLS_CERT_ALTNAME_INVALID)\b",
        r"\bUNABLE_TO_VERIFY_LEAF_SIGNATURE\b",
        r"(?i)tls: (?:bad|unknown|expired|failed to verify) certificate|tls.*unknown certificate authority",
        r"(?i)remote certificate is invalid|failed to find any PEM data in (?:certificate|key) input",
    ),
    _row(DNS_LOOP, _named, r"plugin/loop: Loop \([^)]*\) detected for zone \"([^\"]+)\""),  # CoreDNS
    _row(
        ADDRESS_IN_USE,
        _port,
        r"(?i)\baddress (?:is )?(?:already )?in use\b|\bport \d+ (?:is|was) already in use",
        r"\bEADDRINUSE\b",
        r"(?i)only one usage of each socket address",
    ),
    _row(
        "MissingModule",
        _named,
        r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)",
        r"ImportError: cannot import name '?(\w+)",
        r"([\w.+-]+\.so[\w.]*): cannot open shared object",
        r"Cannot find (?:module|package) '([^']+)'",
        r"(?:ClassNotFoundException|NoClassDefFoundError): ([\w.$/]+)",
        r"Could not find or load main class ([\w.$/]+)",
        r"[Ee]rror (?:while )?loading shared librar(?:y|ies):? ([^:\s]+)",
        r"cannot load such file -- (\S+)",
        r"python[\d.]*: No module named ([\w.]+)",
        r"Could not load file or assembly '([^',]+)",
        r"(?i)could not find gem '?([\w-]+)",
    ),
    _row(
        NO_SUCH_HOST,
        _endpoint,
        r"(?i)\bno such host\b|name or service not known|name does not resolve|nodename nor servname provided",
        r"\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME|EAI_FAIL|EAI_NODATA|UnknownHostException)\b|: ?NXDOMAIN\b",
        r"\blookup \S+(?: on \S+)?: .*(?:i/o timeout|server misbehaving|connection refused)",
        r"(?i)temporary failure in name resolution|name resolution (?:failed|failure|error)",
        r"(?i)could not translate host name|failed to lookup address information|no address associated with host",
        r"(?i)(?:could not|couldn't|failed to|unable to|can't) resolve (?:host|'|address|name)",
        r"(?i)\bbad address '|unknown (?:\w+ )?server host|unknown host\b|dns (?:lookup|resolution) failed",
        r"(?i)host (?:name )?not found in upstream|non-existing domain|:nxdomain\b",
    ),
    _row(
        CONNECTION_REFUSED,
        _endpoint,
        r"(?i)\bconnection(?: to \S+)? (?:was )?refused\b|actively refused|broker may not be available",
        r"\bECONNREFUSED\b|Connect call failed",
        r"(?i)can't connect to (?:local )?(?:\w+ )?server (?:on|through)|could not connect to server\b",
        r"(?i)failed to connect to \S+ port \d+ after \d+ ms: (?:couldn't|could not) connect",
    ),
    _row(
        MISSING_DATABASE,
        _named,
        r"\bdatabase ['\"`]([^'\"`\s]+)['\"`] (?:does not|doesn't) exist",
        r"(?i)\bunknown database ['\"`]?([\w-]+)|cannot open database ['\"]([^'\"\s]+)['\"] requested by",
        r"(?i)\bdatabase ([\w-]+) (?:does not|doesn't) exist|\bno such database: (\S+)",
        r"(?i)\bkeyspace '?([\w-]+)'? does not exist",
    ),
    _row(
        MISSING_TABLE,
        _named,
        r"\brelation ['\"]([^'\"\s]+)['\"] does not exist",
        r"(?i)\bno such table: ([\w.]+)|\btable ['\"`]([^'\"`\s]+)['\"`] (?:does not|doesn't) exist",
        r"(?i)invalid object name '([^'\s]+)'|ORA-00942",
    ),
    _row(
        TOO_MANY_CONNECTIONS,
        _endpoint,
        r"(?i)\btoo many (?:clients already|connections\b)|\bconnection slots are reserved\b",
        r"(?i)\bmax number of clients reached\b|\btoo many connections for (?:role|database)\b",
    ),
    _row(
        RATE_LIMITED,
        _endpoint,
        _answered(429),
        r"(?i:\brate limit (?:reached|exceeded)|\btoo ?many ?requests\b)",
        r"\bThrottling(?:Exception|ed)\b|\brateLimitExceeded\b|\bRESOURCE_EXHAUSTED\b",
    ),
    _row(
        AUTHENTICATION_FAILED,
        _who,
        r"(?i)\bauthentication (?:has )?(?:failed|failure|error)\b|\baccess denied for user\b",
        r"\b(?:WRONGPASS|NOAUTH|UNAUTHENTICATED|ACCESS_REFUSED)\b|code = Unauthenticated",
        r"(?i)\b(?:invalid|incorrect|wrong|bad) (?:user ?name|user|password|credentials?|api[ _-]?key|token)\b",
        r"(?i)\bauthentication required\b|\blogin (?:failed|was refused)|username or password not allowed",
        r"(?i)permission denied \(publickey|SASL(?:/\w+)? authentication|\brole \"[^\"]+\" does not exist",
        _answered(401),
        r"(?i)\b401(?: client error)?\)?:? unauthorized\b",
        r"(?i)no pg_hba\.conf entry for|\bexception authenticating\b|unable to locate credentials",
        r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|ExpiredToken|NoCredentialProviders",
    ),
    _row(
        FORBIDDEN,
        _account,
        r"forbidden: User |\bNOPERM\b|\bPERMISSION_DENIED\b|code = PermissionDenied",
        _answered(403),
        r"(?i)\b403(?: client error)?\)?:? forbidden\b",
        r"(?i)permission denied for (?:table|relation|schema|database|sequence|function|view)",
        r"\bAccessDenied(?:Exception)?: (?:User|Access)|\(AccessDenied\)|not authorized to perform",
    ),
    _row(MISSING_VARIABLE, _named, *_MISSING_VARIABLE),
    _row(
        PERMISSION_DENIED,
        _path_or_port,
        r"(?i)\bpermission denied\b|operation not permitted",
        r"\b(?:EACCES|EPERM|PermissionError|AccessDeniedException)\b",
    ),
    _row(
        IS_A_DIRECTORY,
        _path,
        r"\bIsADirectoryError\b|\bEISDIR\b|: is a directory\b|(?:error|failed)[^\n]{0,20}: Is a directory\b",
    ),
    _row(
        MISSING_FILE,
        _named_or_path,
        r"(?i)no such file or directory|cannot find the (?:file|path)",
        r"Unable to access jarfile (\S+)",
        r"\b(?:ENOENT|FileNotFoundError|FileNotFoundException|NoSuchFileException)\b",
        r"(?i)\b(?:file|path|directory|config)\b[^\n]{0,80}[/.][^\n]{0,80} (?:does not exist|doesn't exist|not found)",
        r"(?i)could not open (?:input )?file",
    ),
    _row(
        CONNECTION_TIMEOUT,
        _endpoint,
        r"(?i)\bi/o timeout\b|context deadline exceeded|\btimeout expired\b",
        r"(?i)\bconnect(?:ion|ing)?(?: attempt)?(?: to [^\n]{1,80}?)? (?:has )?tim(?:ed|e) ?out\b",
        r"\b(?:ETIMEDOUT|ESOCKETTIMEDOUT|EHOSTUNREACH|ENETUNREACH|ReadTimeout(?:Error)?)\b",
        r"\b(?:ConnectTimeout(?:Error|Exception)?|SocketTimeoutException|ServerSelectionTimeoutError)\b",
        r"(?i)\b(?:operation|read|request|upstream|dial|handshake|download) timed out\b",
        r"(?i)timed out (?:waiting for|connecting|after|while)|request canceled while waiting for connection",
        r"(?i)failed to connect to \S+ port \d+ after \d+ ms: timeout",
        r"(?i)no route to host|network is unreachable|host is unreachable",
    ),
    _row(
        CONFIG_INVALID,
        _named_or_path,
        r"(?i)unknown directive \"[^\"]+\" in (\S+)",
        r"(\S+:\d+) - Error during parsing: ",
        r"\[emerg\][^\n]* in (/\S+:\d+)|\bparsing \[([^\]]+:\d+)\]",
        r"(?i)(?:error|fail(?:ed|ure)?|could not|couldn't|cannot|can't|unable)(?: to| when| while| in)?(?: \w+)? "
        r"(?:pars|load|read|unmarshal|decod|deserializ)\w*[^\n]{0,40}"
        r"\b(?:config(?:uration)?|settings|ya?ml|json|toml|ini|xml)\b",
        r"(?i)\b(?:invalid|bad|malformed|broken|illegal) (?:config(?:uration)?|settings?)\b|FATAL CONFIG FILE ERROR",
        r"(?i)\bconfig(?:uration)?(?: file)?[^\n]{0,80} (?:is )?(?:invalid|malformed|has errors?|test failed)\b",
        r"\byaml: (?:line \d+|unmarshal errors|mapping values|found )|mapping values are not allowed",
        r"\byaml\.\w+\.(?:Scanner|Parser|Constructor)Error|\btoml: |T(?:oml|OML)DecodeError",
        r"\bjson: cannot unmarshal\b|invalid character '.*' (?:looking for|after)|unexpected end of JSON input",
        r"\bJSONDecodeError\b|in JSON at position|JsonParseException|is not valid JSON",
        r"(?i)\b(?:unknown|unrecogni[sz]ed|invalid|illegal) (?:shorthand )?(?:flag|option|argument|variable)s?\b"
        r"(?:[:= ]+(?:-- )?['\"]?([\w-][\w=.-]*))?",
        r"flag provided but not defined: (\S+)|(?i:required flag\(?s?\)? .* not set)",
        r"(?i)unrecognized configuration parameter|bad directive|\b(?:toml|ya?ml|json) (?:pars\w+|syntax) error",
        r"(?i)\bmissing script: \"?([\w:.-]+)|\bFailed to configure an? \w+",
        r"\b(?:ConfigurationError|ImproperlyConfigured|ConfigException|InvalidConfigurationException)\b",
    ),
)
