"""How databases, brokers, object stores and API servers refuse: accounts, rights, names they do not know, their state.

The texts are those that the servers send and that their drivers pass on: PostgreSQL, MySQL, MongoDB, Redis, Kafka,
RabbitMQ, Elasticsearch, etcd, S3, the Kubernetes API; and the tools that migrate schemas.
"""

from __future__ import annotations

from typing import Final

from kubeagentix.analysis.wordings_of_networks import answered

MIGRATION_LOCKED: Final = (
    r"Could not acquire change ?log lock|Waiting for changelog lock",
    r"(?i)can't acquire (?:database )?lock",
    r"(?i)unable to (?:obtain|acquire)[^\n]{0,20} (?:flyway|advisory|migration)[^\n]{0,30} lock",
    r"(?i)timed out trying to acquire a postgres advisory lock|migration(?: table)? is already locked",
    r"\bConcurrentMigrationError\b|\bMigrationLocked\b|(?i:migration lock (?:is )?(?:held|taken) by)",
)
MIGRATION_FAILED: Final = (
    r"(?i)\bDirty database version (\d+)|Detected failed migration to version ([\w.]+)|failed migrations in the target",
    r"Migration (V[\w.]+__\w+)(?:\.sql)? failed|Migration failed for change ?set (\S+):|Migration checksum mismatch",
    r"Migrations have failed validation|Validate failed: ",
    r"An error has occurred, this and all later migrations canceled",
    r"\bP30(?:09|18)\b|Can't locate revision identified by '(\w+)'|Multiple head revisions are present",
    r"InconsistentMigrationHistory|(?i:migration (\S+) was previously applied but (?:has been|is) \w+)",
    r"(?i)\bmigrations? (?:\"?([\w.-]+)\"? )?(?:has |have )?failed\b",
    r"(?i)\bfailed to (?:run|apply|execute) (?:\w+ )?migrations?\b",
)
MIGRATION_PENDING: Final = (
    r"PendingMigrationError|\bMigrations are pending\b|Detected resolved migration not applied to database: ([\w.]+)",
    r"(?i)following migrations? have not yet been applied",
    r"(?i)database (?:schema )?(?:must|needs to) be (?:upgraded|migrated)",
    r"(?i)\bschema (?:version )?is (?:out of date|outdated|behind|not up to date)\b|\bpending migrations?: [1-9]",
)
MISSING_DATABASE: Final = (
    r"\bdatabase ['\"`]([^'\"`\s]+)['\"`] (?:does not|doesn't) exist",
    r"(?i)\bunknown database ['\"`]?([\w-]+)|cannot open database ['\"]([^'\"\s]+)['\"] requested by",
    r"(?i)\bdatabase ([\w-]+) (?:does not|doesn't) exist|\bno such database: (\S+)",
    r"(?i)\bkeyspace '?([\w-]+)'? does not exist",
)
# Source: PostgreSQL parse_relation.c and parse_target.c, MySQL ER_BAD_FIELD_ERROR, SQLite resolve.c and insert.c
MISSING_COLUMN: Final = (
    r"\bcolumn ['\"]?([\w.]+)['\"]?(?: of relation ['\"]([^'\"\s]+)['\"])? does not exist",
    r"(?i)\bUnknown column '([^']+)' in\b|\bno such column: ([\w.]+)|\bhas no column named (\w+)",
    r"ORA-00904: (?:\"\w+\"\.)?\"?(\w+)\"?: invalid identifier|(?i:\binvalid column name '([^'\s]+)')",
)
MISSING_TABLE: Final = (
    r"\brelation ['\"]([^'\"\s]+)['\"] does not exist",
    r"(?i)\bno such table: ([\w.]+)|\btable ['\"`]([^'\"`\s]+)['\"`] (?:does not|doesn't) exist",
    r"(?i)invalid object name '([^'\s]+)'|ORA-00942",
    r"(?i)index_not_found_exception[^\n]{0,60}no such index \[([\w.-]+)\]",
)
MISSING_QUEUE: Final = (
    r"NOT_FOUND - no (?:queue|exchange) '([^']+)' in vhost|NOT_ALLOWED - vhost (\S+) not found",
    r"\bUNKNOWN_TOPIC_OR_PARTITION\b|\bUnknownTopicOrPartition\w*\b|Topic ([\w.-]+) not present in metadata after",
    r"(?i)\btopic '?([\w.-]+)'? (?:does not|doesn't) exist|(?:Unknown|no such) topic[^\w]+([\w.-]+)",
    r"(?i)stream not found|QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue",
)
MISSING_BUCKET: Final = (
    r"(?i)\bNoSuchBucket\b|the specified bucket does not exist|bucket ['\"]?([\w.-]+)['\"]? (?:does not|doesn't) exist",
    r"\bContainerNotFound\b|storage: bucket doesn't exist",
)
# A request for a kind that the cluster does not have. Source: k8s.io/apimachinery meta/errors.go
MISSING_KIND: Final = (
    r"no matches for kind \"(\w+)\" in version \"([\w./-]+)\"|no kind match|failed to get API group resources",
    r"unable to retrieve the complete list of server APIs: ([\w./-]+)",
    r"(?i)the server could not find the requested resource|CustomResourceDefinition \"?([\w.-]+)\"? not found",
)
TOO_MANY_CONNECTIONS: Final = (
    r"(?i)\btoo many (?:clients already|connections\b)|\bconnection slots are reserved\b",
    r"(?i)\bmax number of clients reached\b|\btoo many connections for (?:role|database)\b",
    r"(?i)Host '[^']+' is blocked because of many connection errors|\bQueuePool limit of size \d+ overflow",
    r"(?i)Connection is not available, request timed out after \d+ms|remaining connection slots",
    r"(?i)no more connections allowed",
    r"Timed out fetching a new connection from the connection pool",
)
# A server that takes no writes: a replica, or one that protects its disk.
READ_ONLY_SERVER: Final = (
    r"READONLY You can't write against a read only (?:replica|slave)|--read-only option so it cannot execute",
    r"(?i)cannot execute \w+ in a read-only transaction|(?:not ?writable ?primary|not master) and slaveOk",
    r"(?i)NotWritablePrimary",
    r"(?i)index \[([^\]]+)\] blocked by|FORBIDDEN/\d+/index read-only|read[-_]only[-_]allow[-_]delete",
    r"etcdserver: mvcc: database space exceeded",
    r"attempt to write a readonly database|MISCONF Redis is configured to save RDB snapshots",
)
# A group of servers that has nobody to answer: no leader, no primary, no broker.
NO_LEADER: Final = (
    r"\b(?:LEADER_NOT_AVAILABLE|NOT_LEADER_OR_FOLLOWER|NOT_LEADER_FOR_PARTITION|COORDINATOR_NOT_AVAILABLE)\b",
    r"(?i)\bNoBrokersAvailable\b|run out of available brokers(?! to talk to: [^\n]*(?:no such host|refused|timeout))",
    r"(?i)all broker connections are down|no brokers? available",
    r"etcdserver: no leader|(?i:no cluster leader)|\bNo (?:primary|leader) (?:available|found)\b|ReplicaSetNoPrimary",
    r"MASTERDOWN Link with MASTER is down|CLUSTERDOWN |master_not_discovered|MasterNotDiscoveredException",
    r"No replica set members match selector|\bMasterNotFoundError\b|No master found for '[^'\s]+'",
    r"KeeperErrorCode = (?:ConnectionLoss|NoNode)|local node not active but active cluster node not found",
)
REPLICATION_BROKEN: Final = (
    r"requested WAL segment \w+ has already been removed|replication slot \"([^\"]+)\" does not exist",
    r"Got fatal error 1236 from (?:master|source)",
    r"(?i:replica(?:tion)? lag [^\n]{0,30}(?:exceeds?|exceeded|too (?:high|large)))",
    r"(?i)could not start WAL streaming|Slave SQL[^\n]{0,60}Error",
)
DEADLOCK: Final = (
    r"all goroutines are asleep - deadlock!|(?i:\bdeadlock detected\b|deadlock found when trying to get lock)",
    r"(?i)was deadlocked on lock resources|Found one Java-level deadlock|Lock wait timeout exceeded",
    r"\bSQLITE_BUSY\b|\bdatabase is locked\b",
)
MISSING_ROLE: Final = (
    r"\brole \"([^\"]+)\" does not exist|(?i:could not find user \"?([\w.-]+))|\bUserNotFound$",
    r"(?i)login failed for user '([^']+)'\. reason: could not find a login",
    r"(?i)user '?([\w-]+)'? (?:does not|doesn't) exist\b",
)
AUTHENTICATION_FAILED: Final = (
    r"(?i)\bauthentication (?:has )?(?:failed|failure|error)\b|\baccess denied for user\b",
    r"\b(?:WRONGPASS|NOAUTH|UNAUTHENTICATED|ACCESS_REFUSED)\b|code = Unauthenticated",
    r"(?i)\b(?:invalid|incorrect|wrong|bad) (?:user ?name|user|password|credentials?|api[ _-]?key|token)\b",
    r"(?i)\bauthentication required\b|\blogin (?:failed|was refused)|username or password not allowed",
    r"(?i)permission denied \(publickey|SASL(?:/\w+)? authentication",
    r"(?i)is not allowed to connect to this (?:MySQL|MariaDB)",
    answered("401"),
    r"(?i)\b401(?: client error)?\)?:? unauthorized\b|missing authentication credentials",
    r"(?i)no pg_hba\.conf entry for|\bexception authenticating\b|unable to locate credentials",
    r"(?i)client sent AUTH, but no password is set|NOAUTH Authentication required",
    r"(?i)SCRAM authentication[^\n]{0,20}password",
    r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|ExpiredToken|NoCredentialProviders",
)
FORBIDDEN: Final = (
    r"forbidden: User |\bNOPERM\b|\bPERMISSION_DENIED\b|code = PermissionDenied",
    answered("403"),
    r"(?i)\b403(?: client error)?\)?:? forbidden\b|TOPIC_AUTHORIZATION_FAILED|GROUP_AUTHORIZATION_FAILED",
    r"(?i)permission denied for (?:table|relation|schema|database|sequence|function|view)",
    r"(?i)must be owner of (?:table|relation)",
    r"\bAccessDenied(?:Exception)?: (?:User|Access)|\(AccessDenied\)|not authorized to perform",
    r"not authorized on \S+ to execute",
)
LEADER_ELECTION_LOST: Final = (
    r"(?i)\bleader ?election lost\b|failed to renew lease (\S+): |lost (?:the )?leader(?:ship)? election",
)
