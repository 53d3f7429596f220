"""Wordings of failures as programs really write them, several languages and servers to a kind, with near misses."""

from __future__ import annotations

from re import _constants, _parser  # type: ignore[attr-defined]  # nobody has an API that takes patterns apart
from typing import Any

import pytest

from kubeagentix.analysis.signatures import SIGNATURES, recognise

SAID = {
    "CertificateExpired": [
        ('Get "https://api:443/": x509: certificate has expired or is not yet valid: current time', "api:443"),
        ("Error: certificate has expired\n  code: 'CERT_HAS_EXPIRED'", ""),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1007)", ""),
        ("java.security.cert.CertificateExpiredException: NotAfter: Sat Jan 01", ""),
        ("curl: (60) SSL certificate problem: certificate has expired", ""),
    ],
    "CertificateUntrusted": [
        ('Get "https://vault.sec:8200/": x509: certificate signed by unknown authority', "vault.sec:8200"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain",
            "",
        ),
        ("sun.security.validator.ValidatorException: PKIX path building failed: unable to find valid path", ""),
        ("Error: unable to verify the first certificate", ""),
        ("Error: self signed certificate\n  code: 'DEPTH_ZERO_SELF_SIGNED_CERT'", ""),
        ("invalid peer certificate: UnknownIssuer", ""),
        ("The remote certificate is invalid because of errors in the certificate chain: UntrustedRoot", ""),
    ],
    "CertificateHostMismatch": [
        ("x509: certificate is valid for ingress.local, not api.shop.svc", ""),
        ("Hostname mismatch, certificate is not valid for 'api.shop.svc'", ""),
        ("Hostname/IP does not match certificate's altnames: Host: api. is not in the cert's altnames", ""),
        ("java.security.cert.CertificateException: No subject alternative DNS name matching api found.", ""),
        ("SSL: no alternative certificate subject name matches target host name 'api'", ""),
    ],
    "CertificateInvalid": [
        ("tls: failed to find any PEM data in certificate input", ""),
        ("javax.net.ssl.SSLHandshakeException: Received fatal alert: bad_certificate", ""),
    ],
    "TlsMismatch": [
        ("http: server gave HTTP response to HTTPS client", ""),
        ("tls: first record does not look like a TLS handshake", ""),
        ("ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1007)", ""),
        ("javax.net.ssl.SSLException: Unsupported or unrecognized SSL message", ""),
        ("pq: SSL is not enabled on the server", ""),
        ("server does not support SSL, but SSL was required", ""),
    ],
    "TlsUnsupported": [
        ("remote error: tls: protocol version not supported", ""),
        ("javax.net.ssl.SSLHandshakeException: No appropriate protocol (protocol is disabled)", ""),
        ("error:14077410:SSL routines:SSL23_GET_SERVER_HELLO:sslv3 alert handshake failure", ""),
        ("tls: server selected unsupported protocol version 301", ""),
    ],
    "UpstreamUnavailable": [
        ("HTTPError: 503 Server Error: Service Unavailable for url: http://orders:8080/x", "orders:8080"),
        ("AxiosError: Request failed with status code 502", ""),
        ("no healthy upstream", ""),
        ("upstream connect error or disconnect/reset before headers. reset reason: connection failure", ""),
    ],
    "ConnectionReset": [
        ("read tcp 10.2.0.3:4->10.96.0.7:6379: read: connection reset by peer", "10.96.0.7:6379"),
        ("Error: socket hang up", ""),
        ("psycopg2.OperationalError: server closed the connection unexpectedly", ""),
        ("(2013, 'Lost connection to MySQL server during query')", ""),
    ],
    "MissingRole": [
        ('FATAL:  role "app" does not exist', "user app"),
        ('UserNotFound: Could not find user "app" for db "shop"', "user app"),
    ],
    "AuthenticationFailed": [
        ('pq: password authentication failed for user "app"', "user app"),
        ("ERROR 1045 (28000): Access denied for user 'app'@'10.2.0.7' (using password: YES)", "user app"),
        ("MongoServerError: Authentication failed.", ""),
        ("ReplyError: WRONGPASS invalid username-password pair or user is disabled.", ""),
        ("NOAUTH Authentication required.", ""),
        ("ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN", ""),
        ("Host '10.2.0.7' is not allowed to connect to this MySQL server", "10.2.0.7"),
        ("rpc error: code = Unauthenticated desc = token expired", ""),
        ("Error: Request failed with status code 401", ""),
    ],
    "Forbidden": [
        ("rpc error: code = PermissionDenied desc = no", ""),
        ("Error: Request failed with status code 403", ""),
        ("TOPIC_AUTHORIZATION_FAILED", ""),
        ("ERROR: must be owner of table orders", ""),
        ('not authorized on shop to execute command { find: "orders" }', ""),
    ],
    "TooManyConnections": [
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", ""),
        ("ERROR 1040 (HY000): Too many connections", ""),
        ("ERR max number of clients reached", ""),
        ("sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached", ""),
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms.", ""),
    ],
    "MigrationFailed": [
        ("error: Dirty database version 3. Fix and force version.", "3"),
        ("Migration V2__add_users.sql failed", "V2__add_users"),
        ("Error: P3009\n\nmigrate found failed migrations in the target database", ""),
        ("alembic.util.exc.CommandError: Can't locate revision identified by 'ae1027a6acf'", "ae1027a6acf"),
        (
            "liquibase.exception.MigrationFailedException: Migration failed for change set db/1.xml::1::a:",
            "db/1.xml::1::a",
        ),
        ("StandardError: An error has occurred, this and all later migrations canceled:", ""),
        ("failed to run migrations: syntax error at end of input", ""),
        ("django.db.migrations.exceptions.InconsistentMigrationHistory: Migration a.1 is applied before", ""),
    ],
    "MigrationLocked": [
        ("liquibase.exception.LockException: Could not acquire change log lock.  Currently locked by web-1", ""),
        ("Unable to obtain Flyway schema history table lock", ""),
        ("MigrationLocked: Migration table is already locked", ""),
        ("Timed out trying to acquire a postgres advisory lock (SELECT pg_advisory_lock(72707369)).", ""),
        ("error: can't acquire database lock", ""),
    ],
    "MigrationPending": [
        ("ActiveRecord::PendingMigrationError: Migrations are pending. To resolve this issue, run:", ""),
        ("Detected resolved migration not applied to database: 3", "3"),
        ("the database schema must be upgraded", ""),
    ],
    "MissingQueue": [
        ("NOT_FOUND - no queue 'orders' in vhost '/'", "orders"),
        ("Topic orders not present in metadata after 60000 ms.", "orders"),
        ("UNKNOWN_TOPIC_OR_PARTITION", ""),
    ],
    "MissingBucket": [
        ("An error occurred (NoSuchBucket) when calling the ListObjects operation: no", ""),
        ("The specified bucket does not exist", ""),
    ],
    "MissingKind": [
        (
            'no matches for kind "ServiceMonitor" in version "monitoring.coreos.com/v1"',
            "ServiceMonitor of monitoring.coreos.com/v1",
        ),
        ("the server could not find the requested resource (get widgets.example.com)", ""),
    ],
    "ReadOnlyServer": [
        ("READONLY You can't write against a read only replica.", ""),
        ("ERROR: cannot execute INSERT in a read-only transaction", ""),
        (
            "ClusterBlockException: index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage]",
            "orders",
        ),
        ("The MySQL server is running with the --read-only option so it cannot execute this statement", ""),
    ],
    "NoLeader": [
        ("Error while fetching metadata with correlation id 3 : {orders=LEADER_NOT_AVAILABLE}", ""),
        ("kafka.errors.NoBrokersAvailable: NoBrokersAvailable", ""),
        ("kafka: client has run out of available brokers to talk to: EOF", ""),
        ("etcdserver: no leader", ""),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", ""),
        ("CLUSTERDOWN Hash slot not served", ""),
        ("org.elasticsearch.discovery.MasterNotDiscoveredException", ""),
    ],
    "ReplicationBroken": [
        (
            "could not receive data from WAL stream: ERROR: requested WAL segment 0000000100 has already been removed",
            "",
        ),
        ("Got fatal error 1236 from source when reading data from binary log", ""),
    ],
    "Deadlock": [
        ("fatal error: all goroutines are asleep - deadlock!", ""),
        ("ERROR:  deadlock detected", ""),
        ("Deadlock found when trying to get lock; try restarting transaction", ""),
        ("sqlite3.OperationalError: database is locked", ""),
    ],
    "SocketMissing": [
        ("dial unix /var/run/docker.sock: connect: no such file or directory", "/var/run/docker.sock"),
        (
            'connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory',
            "/var/run/postgresql/.s.PGSQL.5432",
        ),
        (
            "Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)",
            "/run/mysqld/mysqld.sock",
        ),
        ("Error: connect ENOENT /tmp/app.sock", "/tmp/app.sock"),
    ],
    "MissingExtension": [
        ('ERROR:  extension "postgis" is not available', "postgis"),
        ('could not open extension control file "/usr/share/postgresql/15/extension/vector.control"', "vector"),
        ("PDOException: could not find driver", "could not find driver"),
        ("Call to undefined function mysqli_connect()", "mysqli"),
    ],
    "RuntimeVersion": [
        (
            "java.lang.UnsupportedClassVersionError: org/example/App has been compiled by a more recent version",
            "org/example/App",
        ),
        ("/app/x: /lib/libc.so.6: version `GLIBC_2.34' not found (required by /app/x)", "GLIBC_2.34"),
    ],
    "LockHeld": [
        ('FATAL:  lock file "postmaster.pid" already exists', "postmaster.pid"),
        ("InnoDB: Unable to lock ./ibdata1 error: 11", "./ibdata1"),
        ("opening storage failed: lock DB directory: resource temporarily unavailable", ""),
        ("failed to obtain node locks, tried [/usr/share/elasticsearch/data]", "/usr/share/elasticsearch/data"),
    ],
    "DirectoryNotEmpty": [
        ('initdb: error: directory "/var/lib/postgresql/data" exists but is not empty', "/var/lib/postgresql/data"),
        ("--initialize specified but the data directory has files in it. Aborting.", ""),
    ],
    "WrongUser": [
        ('"root" execution of the PostgreSQL server is not permitted.', "PostgreSQL"),
        ("java.lang.RuntimeException: can not run elasticsearch as root", "elasticsearch"),
        ('FATAL:  data directory "/data" has wrong ownership', "/data"),
        ("this script must be run as root", ""),
    ],
    "KernelLimit": [("max virtual memory areas vm.max_map_count [65530] is too low, increase to", "vm.max_map_count")],
    "DataVersion": [
        ("FATAL:  database files are incompatible with server", ""),
        ("Can't handle RDB format version 10", "10"),
    ],
    "DataCorrupted": [
        ("PANIC:  could not locate a valid checkpoint record", ""),
        ("sqlite3.DatabaseError: database disk image is malformed", ""),
    ],
    "SegmentationFault": [
        ("Segmentation fault (core dumped)", ""),
        ("/entry.sh: line 3:     7 Segmentation fault      (core dumped) ./app", ""),
    ],
    "LeaderElectionLost": [
        ("leader election lost", ""),
        ("failed to renew lease kube-system/app: timed out waiting for the condition", "kube-system/app"),
    ],
    "ServiceLink": [
        ("ValueError: invalid literal for int() with base 10: 'tcp://10.96.1.2:6379'", "tcp://10.96.1.2:6379"),
        ('java.lang.NumberFormatException: For input string: "tcp://10.96.1.2:6379"', "tcp://10.96.1.2:6379"),
        ('strconv.Atoi: parsing "tcp://10.96.1.2:80": invalid syntax', "tcp://10.96.1.2:80"),
    ],
    "MissingKey": [
        ("com.typesafe.config.ConfigException$Missing: No configuration setting found for key 'db.url'", "db.url"),
        ('Missing required configuration "bootstrap.servers" which has no default value.', "bootstrap.servers"),
        ("The config property app.token is required but it could not be found in any config source", "app.token"),
    ],
    "MissingColumn": [
        ('psycopg2.errors.UndefinedColumn: column "iban" of relation "ledger" does not exist', "iban of ledger"),
        ("ERROR:  column u.email does not exist at character 8", "u.email"),
        ("ERROR 1054 (42S22): Unknown column 'iban' in 'field list'", "iban"),
        ("sqlite3.OperationalError: no such column: iban", "iban"),
        ("sqlite3.OperationalError: table ledger has no column named iban", "iban"),
        ('ORA-00904: "L"."IBAN": invalid identifier', "IBAN"),
    ],
    "NotFound": [
        ("curl: (22) The requested URL returned error: 404", ""),
        ("wget: server returned error: HTTP/1.1 404 Not Found", ""),
        ("requests.exceptions.HTTPError: 404 Client Error: Not Found for url: http://shop:8080/v2", "shop:8080"),
        ("AxiosError: Request failed with status code 404", ""),
        ("urllib.error.HTTPError: HTTP Error 404: Not Found", ""),
    ],
    "ServerError": [
        ("curl: (22) The requested URL returned error: 500", ""),
        ("HTTPError: 500 Server Error: Internal Server Error for url: http://shop:8080/v2", "shop:8080"),
    ],
    "Unreachable": [
        ("All host(s) tried for query failed (tried: prod-db:3333)", "prod-db:3333"),
        (
            "AllNodesFailedException: Could not reach any contact point: Node(endPoint=cas:9042, hostId=null)",
            "cas:9042",
        ),
        ("gocql: no hosts available in the pool", ""),
        ("%3|1|ERROR|rdkafka#producer-1| [thrd:kafka:9092/bootstrap]: 1/1 brokers are down", "kafka:9092"),
        ("WARN Bootstrap broker kafka:9092 (id: -1 rack: null) disconnected", "kafka:9092"),
        ("RabbitMQ.Client.Exceptions.BrokerUnreachableException: None of the specified endpoints were reachable", ""),
        ("NoNodeAvailableException[None of the configured nodes are available: [{#1}{x}{es}{es:9300}]]", "es:9300"),
        ("NoLivingConnectionsError: There are no living connections", ""),
        ("JedisConnectionException: All sentinels down, cannot determine where is mymaster master is running", ""),
        ("redis: all sentinels specified in configuration are unreachable", ""),
        ("io.lettuce.core.RedisConnectionException: Unable to connect to redis:6379", "redis:6379"),
        ("nats: no servers available for connection", ""),
        ("com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure", ""),
    ],
    "SettingMistyped": [
        ('parsing environment variable PORT: strconv.Atoi: parsing "http": invalid syntax', "PORT"),
        ("envconfig.Process: assigning PORT to Port: converting 'http' to type int", "PORT"),
        ("Failed to bind properties under 'server.port' to java.lang.Integer:", "server.port"),
        ('invalid argument "abc" for "--port" flag: strconv.ParseInt: parsing "abc": invalid syntax', "--port"),
        ("app: error: argument --port: invalid int value: 'http'", "--port"),
        ("thread 'main' panicked at 'PORT must be a number: ParseIntError'", "PORT"),
        ("1 validation error for Settings\nport\n  Input should be a valid integer, unable to parse string", "port"),
    ],
    "ValueMistyped": [
        ('strconv.Atoi: parsing "http": invalid syntax', "http"),
        ("ValueError: invalid literal for int() with base 10: 'http'", "http"),
        ('java.lang.NumberFormatException: For input string: "http"', "http"),
        ('time: missing unit in duration "30"', "30"),
    ],
    "LicenseInvalid": [("License has expired", ""), ("FATAL: invalid license", "")],
}


@pytest.mark.parametrize(
    ("name", "text", "subject"), [(name, text, subject) for name, rows in SAID.items() for text, subject in rows]
)
def test_a_wording_is_known_for_what_it_tells(name: str, text: str, subject: str) -> None:
    assert recognise(text) == (name, subject)


@pytest.mark.parametrize(
    "text",
    [
        "certificate expires in 30 days",
        "watching certificate files for expiry",
        "listening with TLS, minimum version 1.2",
        "migrations applied: 0 pending",
        "pending migrations: 0",
        "running migrations",
        "migration V2 applied",
        "no deadlocks since start",
        "deadlock detector enabled",
        "leader elected: web-1",
        "became leader",
        "licensed under the Apache License",
        "license valid until 2027",
        "REDIS_PORT=tcp://10.96.1.2:6379",
        "plugin prometheus is loaded",
        "status code 200",
        "code 503 handler registered",
        "status: 500 requests served",
        "reset connection pool",
        "created bucket orders",
        "topic orders exists",
        "read-only replica connected",
        "index orders opened",
        "user app exists",
        "lock acquired",
        "kernel: vm.max_map_count [262144] ok",
        "retry_on_connection_reset: true",
        "segmentation of customers done",
        "column iban of relation ledger added",
        "served GET /missing with 404 in 3 ms",
        "registered an error page for 404",
        "all hosts answered the query",
        "3/3 brokers are up",
        "0/3 brokers are down",
        "connected to the redis server",
        "parsed environment variable PORT: 8080",
        "PORT must be free",
        "invalid values are skipped",
    ],
)
def test_near_misses_are_not(text: str) -> None:
    assert recognise(text) is None


def literals(tree: Any) -> list[list[str]]:
    """For each way in which a parsed pattern can match, the words that a text must hold, in lower case."""
    ways: list[list[str]] = [[""]]
    for operator, argument in tree:
        if operator is _constants.LITERAL:
            ways = [[*way[:-1], way[-1] + chr(argument).lower()] for way in ways]
            continue
        inner: list[list[str]] | None = None
        if operator is _constants.SUBPATTERN:
            inner = literals(argument[-1])
        elif operator is _constants.BRANCH:
            inner = [way for branch in argument[1] for way in literals(branch)]
        elif operator is _constants.MAX_REPEAT and argument[0] >= 1:
            repeats = "" if argument[1] > 1 else None  # what comes after may follow another repetition
            inner = [way if repeats is None else [*way, repeats] for way in literals(argument[2])]
        if inner is None:  # what may be anything ends a word
            ends = operator not in (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)
            ways = [[*way, ""] for way in ways] if ends else ways
        else:
            ways = [[*way[:-1], way[-1] + more[0], *more[1:]] for way in ways for more in inner]
    return ways


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.name)
def test_the_stems_let_through_whatever_a_pattern_can_match(signature: Any) -> None:
    for way in literals(_parser.parse(signature.pattern.pattern)):
        assert any(stem in word for stem in signature.stems for word in way), f"no stem for {way} of {signature.name}"
