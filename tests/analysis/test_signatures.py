from __future__ import annotations

import pytest

from kubeagentix.analysis.signatures import recognise

REFUSED, NO_HOST, TIMEOUT = "ConnectionRefused", "NoSuchHost", "ConnectionTimeout"


@pytest.mark.parametrize(
    ("text", "name", "subject"),
    [
        ("wget: can't connect to remote host (10.96.2.1): Connection refused", REFUSED, "10.96.2.1"),
        ('Get "http://cache:6379/": dial tcp 10.96.4.5:6379: connect: connection refused', REFUSED, "cache:6379"),
        ('connection to server at "db" (10.0.0.1), port 5432 failed: Connection refused', REFUSED, "db:5432"),
        (
            (
                'could not connect to server: Connection refused\n\tIs the server running on host "db" (10.2.3.4) and '
                "accepting\n\tTCP/IP connections on port 5432?"
            ),
            REFUSED,
            "db:5432",
        ),
        ("HTTPConnectionPool(host='api', port=8080): [Errno 111] Connection refused", REFUSED, "api:8080"),
        ("Connection to db:5432 refused. Check that the hostname and port are correct", REFUSED, "db:5432"),
        ("(2003, \"Can't connect to MySQL server on 'mysql:3306' (111)\")", REFUSED, "mysql:3306"),
        ("curl: (7) Failed to connect to api port 80 after 1 ms: Couldn't connect to server", REFUSED, "api:80"),
        ("nc: connect to cache (10.0.0.1) port 6379 (tcp) failed: Connection refused", REFUSED, "cache:6379"),
        ("Connection to node -1 (kafka/10.0.0.1:9092) failed. Broker may not be available.", REFUSED, "kafka:9092"),
        ("System.Net.Http.HttpRequestException: Connection refused (api:80)", REFUSED, "api:80"),
        ("wget: bad address 'nosuch:80'", NO_HOST, "nosuch:80"),
        ("dial tcp: lookup cache on 10.96.0.10:53: no such host", NO_HOST, "cache"),
        ("dial tcp: lookup db on 10.96.0.10:53: read udp 10.2.0.3:4->10.96.0.10:53: i/o timeout", NO_HOST, "db"),
        ("getaddrinfo EAI_AGAIN redis redis:6379", NO_HOST, "redis:6379"),
        ("** server can't find db.shop.svc.cluster.local: NXDOMAIN", NO_HOST, "db.shop.svc.cluster.local"),
        ('could not translate host name "db" to address: Name or service not known', NO_HOST, "db"),
        ('[emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:5', NO_HOST, "api"),
        ("dial tcp 10.96.4.5:5432: i/o timeout", TIMEOUT, "10.96.4.5:5432"),
        ("wget: download timed out", TIMEOUT, ""),
        ("dial tcp 10.0.0.1:443: connect: no route to host", TIMEOUT, "10.0.0.1:443"),
        (
            'Get "https://api.shop.svc/": x509: certificate signed by unknown authority',
            "CertificateUntrusted",
            "api.shop.svc",
        ),
        ('FATAL:  password authentication failed for user "app"', "AuthenticationFailed", "user app"),
        ("Access denied for user 'app'@'10.0.0.1' (using password: YES)", "AuthenticationFailed", "user app"),
        ("GET https://vault:8200/v1: 401 Unauthorized", "AuthenticationFailed", "vault:8200"),
        (
            'pods is forbidden: User "system:serviceaccount:shop:web" cannot list resource "pods"',
            "Forbidden",
            "system:serviceaccount:shop:web",
        ),
        ("pq: permission denied for table orders", "Forbidden", ""),
        ("listen tcp :8080: bind: address already in use", "AddressInUse", "port 8080"),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)", "PermissionDenied", "port 80"),
        ("mkdir: cannot create directory \u2018/data\u2019: Permission denied", "PermissionDenied", "/data"),
        ("Error: EACCES: permission denied, mkdir '/data/x'", "PermissionDenied", "/data/x"),
        ("sh: can't create /data.txt: Read-only file system", "ReadOnlyFileSystem", "/data.txt"),
        ("write /data/x: no space left on device", "DiskFull", "/data/x"),
        ("open /etc/app/config.yaml: no such file or directory", "MissingFile", "/etc/app/config.yaml"),
        ("[Errno 2] No such file or directory: 'config.yaml'", "MissingFile", "config.yaml"),
        ("ModuleNotFoundError: No module named 'pandas'", "MissingModule", "pandas"),
        (
            "error while loading shared libraries: libssl.so.3: cannot open shared object file",
            "MissingModule",
            "libssl.so.3",
        ),
        (
            'nginx: [emerg] unknown directive "foo" in /etc/nginx/nginx.conf:12',
            "ConfigInvalid",
            "/etc/nginx/nginx.conf:12",
        ),
        ("/etc/Corefile:4 - Error during parsing: Unknown directive 'forwrd'", "ConfigInvalid", "/etc/Corefile:4"),
        ("failed to load config: yaml: line 3: mapping values are not allowed", "ConfigInvalid", ""),
        ('FATAL:  database "orders" does not exist', "MissingDatabase", "orders"),
        ("(1049, \"Unknown database 'shop'\")", "MissingDatabase", "shop"),
        ('Cannot open database "Shop" requested by the login. The login failed.', "MissingDatabase", "Shop"),
        ('ERROR:  relation "users" does not exist at character 15', "MissingTable", "users"),
        ("sqlite3.OperationalError: no such table: jobs", "MissingTable", "jobs"),
        ("1146 Table 'shop.users' doesn't exist", "MissingTable", "shop.users"),
        ('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', "OutOfMemory", "Java heap space"),
        ("FATAL ERROR: Reached heap limit - JavaScript heap out of memory", "OutOfMemory", "JavaScript heap"),
        ("Traceback (most recent call last):\nMemoryError", "OutOfMemory", ""),
        ("fatal error: runtime: out of memory", "OutOfMemory", ""),
        ("what():  std::bad_alloc", "OutOfMemory", ""),
        ("PHP Fatal error: Allowed memory size of 128 bytes exhausted", "OutOfMemory", ""),
        ("fork: Cannot allocate memory", "OutOfMemory", ""),
        ("Error: EMFILE: too many open files, open '/app/x'", "TooManyFiles", "/app/x"),
        ("Error: ENOSPC: System limit for number of file watchers reached, watch '/app'", "TooManyFiles", "/app"),
        ("FATAL:  sorry, too many clients already", "TooManyConnections", ""),
        ("429 Client Error: Too Many Requests for url: https://api.x.example/v1", "RateLimited", "api.x.example"),
        ("Error: Request failed with status code 429", "RateLimited", ""),
        ("401 Client Error: Unauthorized for url: https://auth.example/x", "AuthenticationFailed", "auth.example"),
        ("403 Client Error: Forbidden for url: https://auth.example/x", "Forbidden", "auth.example"),
        ("botocore.exceptions.NoCredentialsError: Unable to locate credentials", "AuthenticationFailed", ""),
        ("read /etc/app/config.yaml: is a directory", "IsADirectory", "/etc/app/config.yaml"),
        ("IsADirectoryError: [Errno 21] Is a directory: '/etc/app.yaml'", "IsADirectory", "/etc/app.yaml"),
        ("/usr/local/bin/python: No module named gunicorn", "MissingModule", "gunicorn"),
        ("Error: Unable to access jarfile app.jar", "MissingFile", "app.jar"),
        ("Error: unknown flag: --listn", "ConfigInvalid", "--listn"),
        ("httpd: unrecognized option: prot", "ConfigInvalid", "prot"),
        ("sh: write error: No space left on device", "DiskFull", ""),
        ("getaddrinfo for mysql failed: Name or service not known", NO_HOST, "mysql"),
        ("AnnotatedConnectException: Connection refused: redis/10.96.1.1:6379", REFUSED, "redis:6379"),
        ("curl: (28) Failed to connect to api port 80 after 5001 ms: Timeout was reached", TIMEOUT, "api:80"),
        ("exec /s/run: exec format error", "ExecFormat", "/s/run"),
        ("exec /s/run: no such file or directory", "ExecNotFound", "/s/run"),
    ],
)
def test_a_wording_is_recognised_with_what_it_names(text: str, name: str, subject: str) -> None:
    assert recognise(text) == (name, subject)


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("FATAL: DATABASE_URL is not set", "DATABASE_URL"),
        ("DATABASE_URL missing", "DATABASE_URL"),
        ("Error: SCHEMA_FILE environment variable is required", "SCHEMA_FILE"),
        ("KeyError: 'API_KEY'", "API_KEY"),
        ("/entry.sh: line 3: DB_HOST: unbound variable", "DB_HOST"),
        ("sh: token: parameter not set", "token"),
        ("required key APP_PORT missing value", "APP_PORT"),
        ("error: Environment variable not found: DATABASE_URL.", "DATABASE_URL"),
        ("Missing required environment variables: API_KEY, DB", "API_KEY"),
        ('environment variable "TOKEN" is empty', "TOKEN"),
        ("You must specify POSTGRES_PASSWORD to a non-empty value", "POSTGRES_PASSWORD"),
        ("The SECRET_KEY setting must not be empty.", "SECRET_KEY"),
        ("SECRET_KEY_BASE for production environment is missing", "SECRET_KEY_BASE"),
        ('environment variable "JWT_SECRET" should not be empty', "JWT_SECRET"),
        ("specify one of these as an environment variable:\n    - MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
        ("1 validation error for Settings\ndatabase_url\n  Field required", "database_url"),
        ("Could not resolve placeholder 'spring.datasource.url' in value", "spring.datasource.url"),
    ],
)
def test_a_missing_variable_is_named(text: str, variable: str) -> None:
    assert recognise(text) == ("MissingVariable", variable)


@pytest.mark.parametrize(
    "text",
    [
        "started 3 workers, 0 errors",
        "timeout set to 30s",
        "connection pool ready",
        "connecting to db:5432",
        "DEBUG_MODE is enabled",
        "MAX_RETRIES set to 5",
        "env TOKEN set",
        "LOG_LEVEL environment variable is set",
        "loaded environment variables from file",
        "permissions loaded",
        "GET /missing 404",
        "requires 2 replicas",
        "sh: nosuchbinary: not found",
        "certificate loaded, valid until 2027",
        "user authenticated",
        "out of memory handler installed",
        "database orders exists",
        "/srv is a directory of assets",
        "sent 429 messages",
    ],
)
def test_ordinary_words_are_no_signature(text: str) -> None:
    assert recognise(text) is None
