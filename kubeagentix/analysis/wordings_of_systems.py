"""How programs say that memory, files, processes or their own binary failed them. One tuple of patterns per failure.

The texts are those of the C library's errno, of kernels, shells and linkers, and of the runtimes of Go, Python, Java,
Node.js, Ruby and .NET.
"""

from __future__ import annotations

from typing import Final

OUT_OF_MEMORY: Final = (
    r"\bjava\.lang\.OutOfMemoryError(?:: ([A-Za-z][\w ]+))?",
    r"(JavaScript heap) out of memory|(?m:^(?:\S+: )?MemoryError\b)|\bNoMemoryError\b",
    r"\bOutOfMemoryException\b|(CUDA) out of memory\b|\bstd::bad_alloc\b|fatal error: (?:runtime: )?out of memory",
    r"Allowed memory size of \d+ bytes exhausted|memory allocation of \d+ bytes failed",
    r"(?i)insufficient memory for the java runtime|could not reserve enough space for \S+ ?object heap",
    r"(?i)\bcannot allocate memory\b|\b(?:un|not )able to allocate (?:memory|\d+)",
    r"\bENOMEM\b|(?m:^(?:\S+: )?out of memory$)|\bOOM command not allowed when used memory\b",
)
TOO_MANY_FILES: Final = (
    r"(?i)\btoo many open files\b|file watchers reached|inotify[^\n]{0,200}no space left on device",
    r"\b(?:EMFILE|ENFILE)\b",
)
READ_ONLY: Final = (r"(?i)read-only file ?system", r"\bEROFS\b")
DISK_FULL: Final = (
    r"(?i)no space left on device|disk quota exceeded|\bdisk (?:is )?full\b",
    r"\b(?:ENOSPC|EDQUOT)\b",
)
EXEC_FORMAT: Final = (r"(?i)^exec .*exec format error", r"(?i)exec user process caused.*exec format error")
EXEC_NOT_FOUND: Final = (
    r"(?i)^exec \S+: no such file or directory",
    r"(?i)exec user process caused.*no such file or directory",
)
SEGMENTATION_FAULT: Final = (
    r"(?m:^(?:\S+: )*(?:line \d+: +\d+ )?Segmentation fault\b)|\bSegmentation fault +\(core dumped\)",
    r"(?m:^# +SIGSEGV \(0xb\) at pc=)",
)
ADDRESS_IN_USE: Final = (
    r"(?i)\baddress (?:is )?(?:already )?in use\b|\bport \d+ (?:is|was) already in use",
    r"\bEADDRINUSE\b",
    r"(?i)only one usage of each socket address",
)
RUNTIME_VERSION: Final = (
    r"UnsupportedClassVersionError: (\S+)",
    r"version `((?:GLIBC|GLIBCXX|CXXABI|OPENSSL)_[\w.]+)' not found",
    r"(?i)\brequires (python|node|java|ruby|php|\.net)[ >=]+\d[\w.]*,? but",
    r"You must install or update (\.NET) to run this application",
    r"The engine \"(node)\" is incompatible with this module",
)
MISSING_MODULE: Final = (
    r"(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)",
    r"ImportError: cannot import name '?(\w+)",
    r"([\w.+-]{1,80}\.so[\w.]{0,20}): cannot open shared object",
    r"Cannot find (?:module|package) '([^']+)'",
    r"(?:ClassNotFoundException|NoClassDefFoundError): ([\w.$/]+)",
    r"Could not find or load main class ([\w.$/]+)",
    r"[Ee]rror (?:while )?loading shared librar(?:y|ies):? ([^:\s]+)",
    r"cannot load such file -- (\S+)",
    r"python[\d.]*: No module named ([\w.]+)",
    r"Could not load file or assembly '([^',]+)",
    r"(?i)could not find gem '?([\w-]+)",
)
# Parts that a server or a language loads by name. Source: PostgreSQL extension.c, PDO, MySQL errmsg, Elasticsearch
MISSING_EXTENSION: Final = (
    r"extension \"([\w-]+)\" is not available",
    r"could not open extension control file \"[^\"]*/([\w-]+)\.control\"",
    r"(could not find driver)\b|Call to undefined function (\w+?)_\w+\(\)",
    r"Unable to load dynamic library '?([\w.-]+)",
    r"(?i)\bplugin '?([\w-]+)'? is not loaded|\bmissing plugin \[([\w-]+)\]",
    r"Failed to find any class that implements Connector and which name matches ([\w.]+)",
    r"(?i)could not access file \"([^\"]+)\": No such file or directory",
)
# Two processes on one directory: a claim that two pods mount, or a lock left behind.
LOCK_HELD: Final = (
    r"lock file \"([^\"]+)\" already exists|Unable to lock (\./\w+),? error: 11",
    r"(?i)failed to obtain node locks?, tried \[\[?([^\]]+?)\]",
    r"(?i)\block DB directory: resource temporarily unavailable|cannot acquire directory lock on \"([^\"]+)\"",
    r"DBPathInUse[^\n]{0,200}?(/\S{1,200})/mongod\.lock|(?i:unable to lock the lock file: (\S+)/mongod\.lock)",
    r"(?i)\block (/\S+): (?:resource temporarily unavailable|already held)",
    r"(?i)lock hold by current virtual machine: (/\S+)",
)
DIRECTORY_NOT_EMPTY: Final = (
    r"directory \"([^\"]+)\" exists but is not empty",
    r"--initialize specified but the data directory has files in it",
    r"\bENOTEMPTY\b|(?i:destination path '([^']+)' already exists and is not an empty directory)",
)
WRONG_USER: Final = (
    r"\"root\" execution of the (PostgreSQL) server is not permitted|can not run (elasticsearch) as root",
    r"(?i)data directory \"([^\"]+)\" has (?:wrong ownership|invalid permissions|group or world access)",
    r"Please read \"Security\" section of the manual to find out how to run (mysqld) as root",
    r"(?i)\bmust (?:be run|run) as root\b|\b(?:do not|don't|refusing to) run (?:\w+ )?as root\b",
)
# Source: Elasticsearch BootstrapChecks.java, which SonarQube and OpenSearch share
KERNEL_LIMIT: Final = (
    r"max virtual memory areas (vm\.max_map_count) \[\d+\] is too low|(vm\.max_map_count)[^\n]{0,40}too low",
    r"(max file descriptors) \[\d+\] for \w+ process is too low",
)
DATA_VERSION: Final = (
    r"database files are incompatible with server",
    r"(?i)data directory was initialized by PostgreSQL version ([\d.]+)",
    r"(?i)Can't handle RDB format version (\d+)|\bInvalid MySQL server (?:upgrade|downgrade)",
    r"(?i)\bunsupported redo log format|InnoDB: Unsupported redo log",
    r"(?i)(?:invalid|wrong|unsupported|mismatch)\w*[^\n]{0,40}featureCompatibilityVersion",
    r"(?i)cannot upgrade a node from version \[([\d.]+)\]|cannot downgrade a node from version \[([\d.]+)\]",
)
DATA_CORRUPTED: Final = (
    r"(?i)could not locate a valid checkpoint record|invalid (?:primary )?checkpoint record",
    r"Bad file format reading the append only file|database disk image is malformed",
    r"(?i)\bCorruptIndexException\b|\bTranslogCorruptedException\b|\bfile is not a database\b",
    r"(?i)\bWiredTiger\b[^\n]{0,200}(?:corruption|WT_PANIC|failed to read)|wal: crc mismatch",
)
PERMISSION_DENIED: Final = (
    r"(?i)\bpermission denied\b|operation not permitted",
    r"\b(?:EACCES|EPERM|PermissionError|AccessDeniedException)\b",
    r"failed to write to log file: (/\S+)|\(os error 13\)",
)
IS_A_DIRECTORY: Final = (
    r"\bIsADirectoryError\b|\bEISDIR\b|: is a directory\b|(?:error|failed)[^\n]{0,20}: Is a directory\b",
)
# A server on this machine that is not there: its file is made when it starts.
SOCKET_MISSING: Final = (
    r"\bdial unix (/[^\s:]+): connect: no such file or directory",
    r"\bsocket ['\"]([^'\"]+)['\"] failed: No such file or directory",
    r"through socket '([^']+)' \(\d+\)|Cannot connect to the Docker daemon at unix://(\S+?)\.? ",
    r"connect ENOENT (/[^\s'\"]+)|(?i:connect\(\) to unix:([^\s]+) failed \(2: )",
    r"unix://(/[^\s:]+?\.sock)[^\n]{0,60}no such file or directory",
)
MISSING_FILE: Final = (
    r"(?i)no such file or directory|cannot find the (?:file|path)",
    r"Unable to access jarfile (\S+)",
    r"\b(?:ENOENT|FileNotFoundError|FileNotFoundException|NoSuchFileException)\b|\bErrno::ENOENT\b|\(os error 2\)",
    r"(?i)\b(?:file|path|directory|config)\b[^\n]{0,80}[/.][^\n]{0,80} (?:does not exist|doesn't exist|not found)",
    r"(?i)could not open (?:input )?file",
)
