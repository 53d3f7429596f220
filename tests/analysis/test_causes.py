from __future__ import annotations

import json
from typing import Any

import pytest

from kubeagentix.analysis.causes import Explanation, asked_name, explain, hosts_named_in
from kubeagentix.analysis.containers import restless_containers
from kubeagentix.analysis.logs import read_failure
from kubeagentix.domain.pods import Container, EnvVar
from kubeagentix.testing import snapshot_of

DNS = {"kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"}}


def explained(
    line: str,
    *others: dict[str, Any],
    seen: str | None = None,
    volumes: Any = (),
    aliases: Any = (),
    **container: Any,
) -> Explanation:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "containers": [{"name": "c", **container}],
            "volumes": list(volumes),
            "hostAliases": list(aliases),
        },
        "status": {"phase": "Running", "containerStatuses": [{"name": "c"}]},
    }
    snapshot = snapshot_of(pod, *others, namespace=seen)
    [view] = restless_containers(snapshot)
    failure = read_failure(line.splitlines())
    assert failure is not None
    return explain(snapshot, view, failure)


def test_a_service_that_does_not_exist_is_said_not_to() -> None:
    story = explained("dial tcp: lookup db on 10.96.0.10:53: no such host", DNS)
    assert "There is no Service db in namespace default." in story.cause
    assert [str(ref) for ref in story.points_at] == ["Service default/db"]


def test_a_service_that_exists_and_is_not_resolved_puts_dns_in_doubt() -> None:
    db = {"kind": "Service", "metadata": {"name": "db"}}
    story = explained("getaddrinfo EAI_AGAIN db", db, DNS)
    assert [str(ref) for ref in story.points_at] == ["Service kube-system/kube-dns"]


def test_a_host_outside_the_cluster_is_pointed_at_as_such() -> None:
    story = explained("dial tcp: lookup api.example.com on 10.96.0.10:53: no such host", DNS)
    assert [str(ref) for ref in story.points_at] == ["Host api.example.com"]


def test_the_container_itself_is_no_host_to_point_at() -> None:
    assert explained("dial tcp 127.0.0.1:5432: connect: connection refused", DNS).points_at == ()


def test_a_user_who_is_turned_away_is_no_host_and_the_secret_with_the_password_is_pointed_at() -> None:
    password = {"secretKeyRef": {"name": "db-auth", "key": "password"}}
    env = [
        {"name": "PGPASSWORD", "valueFrom": password},
        {"name": "COLOR", "valueFrom": {"secretKeyRef": {"name": "x"}}},
    ]
    story = explained('FATAL: password authentication failed for user "app"', env=env)
    assert [str(ref) for ref in story.points_at] == ["Secret default/db-auth"]
    assert explained('FATAL: password authentication failed for user "app"').points_at == ()


def test_an_invalid_file_is_that_of_its_config_map() -> None:
    settings = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"app.yaml": "a: ["}}
    mounts = [{"name": "v", "mountPath": "/etc/app"}]
    volumes = [{"name": "v", "configMap": {"name": "settings"}}]
    line = "yaml: line 1: did not find expected node content: /etc/app/app.yaml"
    story = explained(line, settings, volumes=volumes, volumeMounts=mounts)
    assert [str(ref) for ref in story.points_at] == ["ConfigMap default/settings"]
    assert explained(line.replace("/etc/app/", "/opt/"), settings, volumes=volumes, volumeMounts=mounts).points_at == ()


def test_a_name_server_that_does_not_answer_is_pointed_at() -> None:
    line = "dial tcp: lookup api.example.com on 10.96.0.10:53: read udp 10.2.0.1:5->10.96.0.10:53: i/o timeout"
    assert [str(ref) for ref in explained(line, DNS).points_at] == ["Service kube-system/kube-dns"]


def test_an_address_is_shown_with_its_service() -> None:
    cache = {"kind": "Service", "metadata": {"name": "cache"}, "spec": {"clusterIP": "10.96.0.7"}}
    story = explained("dial tcp 10.96.0.7:6379: connect: connection refused", cache)
    assert story.phrase == "connection to 10.96.0.7:6379 refused (Service cache)"


def test_a_refused_account_is_pointed_at() -> None:
    line = 'pods is forbidden: User "system:serviceaccount:shop:web" cannot list resource "pods" in API group ""'
    assert [str(ref) for ref in explained(line).points_at] == ["ServiceAccount shop/web"]


def test_a_variable_that_the_pod_sets_to_nothing_is_told() -> None:
    assert "to an empty value" in explained("DATABASE_URL is not set", env=[{"name": "DATABASE_URL"}]).cause
    assert "does not set DATABASE_URL" in explained("DATABASE_URL is not set").cause
    given = [{"name": "DATABASE_URL", "value": "postgres://db"}]
    assert "empty value" not in explained("DATABASE_URL is not set", env=given).cause


def test_the_security_context_explains_a_refused_write() -> None:
    line = "open /data/x: read-only file system"
    assert "readOnlyRootFilesystem" in explained(line, securityContext={"readOnlyRootFilesystem": True}).cause
    assert "readOnlyRootFilesystem" not in explained(line).cause
    assert "user 1000" in explained("open /x: permission denied", securityContext={"runAsUser": 1000}).cause


STORE = {"kind": "Service", "metadata": {"name": "store"}, "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]}}


def test_a_port_that_the_service_does_not_have_is_told_and_its_pods_are_not_blamed() -> None:
    story = explained("dial tcp: connect to store:8080: connection refused", STORE)
    assert "has no port 8080 (its ports: 80)" in story.phrase
    assert story.points_at == ()
    assert explained("connect to store:80: connection refused", STORE).points_at != ()


def test_a_headless_service_is_asked_on_any_port() -> None:
    headless = {**STORE, "spec": {"clusterIP": "None", "ports": [{"port": 80}]}}
    assert explained("connect to store:8080: connection refused", headless).points_at != ()


def test_an_error_that_names_no_host_is_about_the_one_it_was_connecting_to() -> None:
    lines = "Connecting to store:8080 (10.96.0.9:8080)\nwget: download timed out"
    story = explained(lines, STORE, env=[{"name": "OTHER_HOST", "value": "db"}])
    assert story.phrase == "no answer from store:8080: the Service has no port 8080 (its ports: 80)"


def test_the_nearest_service_name_is_offered() -> None:
    assert "There is Service store: was that meant?" in explained("wget: bad address 'stroe:80'", STORE).cause
    assert "was that meant" not in explained("wget: bad address 'mailer:80'", STORE).cause


def test_a_service_of_that_name_in_another_namespace_is_offered() -> None:
    elsewhere = {"kind": "Service", "metadata": {"name": "store", "namespace": "data"}}
    assert "store.data" in explained("wget: bad address 'store:80'", elsewhere).cause


def test_a_denied_request_is_told_as_a_right_that_is_lacking() -> None:
    line = (
        'leases.coordination.k8s.io is forbidden: User "system:serviceaccount:shop:web" cannot list resource "leases" '
        'in API group "coordination.k8s.io" in the namespace "shop"'
    )
    story = explained(json.dumps({"level": "error", "ts": 1700000001.1, "logger": "setup", "msg": "no", "error": line}))
    assert story.phrase == "ServiceAccount shop/web may not list leases.coordination.k8s.io"
    [remedy] = story.remedies
    assert remedy.effect == "read"
    assert remedy.command.endswith("--as=system:serviceaccount:shop:web -n shop")


def test_a_variable_of_nearly_that_name_is_offered() -> None:
    story = explained("DATABASE_URL is not set", env=[{"name": "DATABSE_URL", "value": "x"}])
    assert "It sets DATABSE_URL: was that meant?" in story.cause


def test_used_up_memory_is_told_with_its_bounds() -> None:
    line = 'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space'
    story = explained(line, command=["java", "-Xmx64m"], resources={"limits": {"memory": "512Mi"}})
    assert "Its memory limit is 512Mi. Its heap is set by -Xmx64m." in story.cause
    assert "no memory limit" in explained(line).cause


def test_hosts_are_found_in_commands_and_settings() -> None:
    container = Container(
        command=("sh", "-c", "until nc -z -w 2 cache 6379; do sleep 1; done; exec app --db postgres://u:p@db:5432/x"),
        env=(EnvVar(name="MQ_HOST", value="mq"), EnvVar(name="MODE", value="fast")),
    )
    assert list(hosts_named_in(container)) == ["cache:6379", "db:5432", "mq"]


def test_of_variables_of_one_name_the_last_names_the_host() -> None:
    env = (EnvVar(name="UPSTREAM", value="front:80"), EnvVar(name="UPSTREAM", value="front:9999"))
    assert list(hosts_named_in(Container(name="app", env=env))) == ["front:9999"]


def test_a_service_of_a_namespace_that_was_not_read_is_not_said_to_be_missing() -> None:
    story = explained("dial tcp: connect to db.infra.svc:5432: connection refused", seen="default")
    assert "There is no" not in story.cause
    assert [str(ref) for ref in story.points_at] == ["Service infra/db"]


def test_a_server_that_answers_is_not_blamed_for_having_no_pods() -> None:
    db = {"kind": "Service", "metadata": {"name": "db"}, "spec": {"selector": {"app": "db"}}}
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"kind": "Pod", "metadata": {"name": "db-0", "labels": {"app": "db"}}, "status": ready}
    answer = 'connection to server at "db" (10.0.0.4), port 5432 failed: FATAL:  sorry, too many clients already'
    story = explained(answer, db)
    assert "somebody answered there" in story.cause
    assert story.points_at == ()
    refused = 'connection to server at "db" (10.0.0.4), port 5432 failed: Connection refused'
    for other in (explained(answer, db, pod), explained(refused, db)):
        assert [str(ref) for ref in other.points_at] == ["Service default/db"]


def test_a_setting_of_the_wrong_type_is_the_variable_that_the_log_names_or_that_has_the_value() -> None:
    env = [{"name": "PORT", "value": "http"}, {"name": "COLOR", "value": "red"}]
    named = explained('parsing environment variable PORT: strconv.Atoi: parsing "http": invalid syntax', env=env)
    assert named.phrase == "the value of PORT is of the wrong type"
    assert " PORT=VALUE" in named.remedies[0].command
    assert explained('FATAL strconv.Atoi: parsing "http": invalid syntax', env=env).phrase == named.phrase


def test_a_value_that_no_variable_or_more_than_one_has_is_told_as_it_is() -> None:
    line = 'FATAL strconv.Atoi: parsing "http": invalid syntax'
    twice = [{"name": "PORT", "value": "http"}, {"name": "SCHEME", "value": "http"}]
    assert explained(line).phrase == explained(line, env=twice).phrase == 'a value "http" is of the wrong type'


def test_servers_that_a_driver_cannot_reach_are_a_service_that_is_not_there() -> None:
    story = explained("FATAL All host(s) tried for query failed (tried: prod-db:3333)", DNS)
    assert "There is no Service prod-db in namespace default." in story.cause
    assert [str(ref) for ref in story.points_at] == ["Service default/prod-db"]


def test_who_answers_404_is_the_one_host_that_the_command_names() -> None:
    shop = {"kind": "Service", "metadata": {"name": "shop"}}
    story = explained("curl: (22) The requested URL returned error: 404", shop, args=["http://shop:8080/v2"])
    assert story.phrase.startswith("shop:8080 answers that there is no such thing (404)")
    assert "is not there (404)" in explained("curl: (22) The requested URL returned error: 404").phrase


def test_a_configuration_that_a_wrong_sub_path_brings_as_a_directory_is_told_as_such() -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "site"}, "data": {"site.conf": "x"}}
    volumes = [{"name": "v", "configMap": {"name": "site"}}]

    def story(key: str) -> Explanation:
        mounts = [{"name": "v", "mountPath": "/etc/site.conf", "subPath": key}]
        return explained("failed to read configuration /etc/site.conf", config, volumes=volumes, volumeMounts=mounts)

    assert "subPath site.cfg of the mount at /etc/site.conf is no key of ConfigMap site" in story("site.cfg").cause
    assert [str(ref) for ref in story("site.cfg").points_at] == ["ConfigMap default/site"]
    assert "subPath" not in story("site.conf").cause


def test_a_name_in_a_namespace_that_was_not_read_is_not_said_to_be_of_nobody() -> None:
    line = "dial tcp: lookup db.other.svc.cluster.local on 10.96.0.10:53: no such host"
    story = explained(line, DNS, seen="default")
    assert "There is no Service" not in story.cause
    assert "no Service" not in story.phrase
    assert [str(ref) for ref in story.points_at] == ["Service other/db"]
    assert "no Service db in namespace other" in explained(line, DNS).phrase


def test_a_reference_to_a_variable_that_nobody_sets_is_passed_on_as_it_stands() -> None:
    line, env = "wget: bad address '$(API_HOST)'", [{"name": "APIHOST", "value": "api"}]
    story = explained(line, args=["http://$(API_HOST)/"], env=env)
    assert story.phrase.startswith("$(API_HOST) is passed on as it stands")
    assert "There is APIHOST: was that meant?" in story.cause
    assert story.points_at == ()
    for args in ([], ["http://$$(API_HOST)/"]):
        assert "passed on" not in explained(line, args=args, env=env).phrase


def test_an_address_by_host_aliases_is_told_and_the_service_is_not_blamed() -> None:
    api = {"kind": "Service", "metadata": {"name": "api"}}
    line = "dial tcp: connect to http://api:80/: i/o timeout"
    assert [str(ref) for ref in explained(line, api).points_at] == ["Service default/api"]
    story = explained(line, api, aliases=[{"ip": "192.0.2.1", "hostnames": ["api"]}])
    assert "(192.0.2.1, by hostAliases)" in story.phrase
    assert story.points_at == ()


def test_a_name_that_nobody_has_is_told_without_a_port_and_with_the_namespace_that_has_it() -> None:
    line = "wget: bad address 'profile:8081'"
    assert explained(line, DNS).phrase == "the host profile cannot be resolved: no Service profile in its namespace"
    other = {"kind": "Service", "metadata": {"name": "profile", "namespace": "infra"}}
    assert explained(line, DNS, other).phrase.endswith("in its namespace, but one in infra")


def test_the_last_name_that_a_resolver_tried_is_the_one_that_was_asked_for() -> None:
    line = "** server can't find mydb.svc.cluster.local: NXDOMAIN"
    story = explained(line, DNS, command=["sh", "-c", "until nslookup mydb; do sleep 2; done"])
    assert story.phrase == "the host mydb cannot be resolved: no Service mydb in its namespace"
    assert [str(ref) for ref in story.points_at] == ["Service default/mydb"]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("mydb.default.svc.cluster.local:5432", "mydb:5432"),
        ("mydb.cluster.local", "mydb"),
        ("mydb.other.svc.cluster.local", "mydb.other.svc.cluster.local"),
        ("mydb.example.com", "mydb.example.com"),
        ("mydb2.svc.cluster.local", "mydb2.svc.cluster.local"),
    ],
)
def test_only_the_pods_own_search_list_is_taken_off(host: str, asked: str) -> None:
    assert asked_name("default", Container(name="c", command=("nslookup mydb",)), host) == asked


def test_a_setting_that_a_mounted_file_lacks_is_for_its_config_map_to_bring() -> None:
    settings = {"kind": "ConfigMap", "metadata": {"name": "geo-config"}, "data": {"config.json": "{}"}}
    mounts = [{"name": "v", "mountPath": "/etc/geo"}]
    volumes = [{"name": "v", "configMap": {"name": "geo-config"}}]
    line = "FATAL: required setting GeoMongoAddress is missing in /etc/geo/config.json"
    story = explained(line, settings, volumes=volumes, volumeMounts=mounts)
    assert story.phrase == "its configuration lacks GeoMongoAddress (ConfigMap geo-config)"
    assert [str(ref) for ref in story.points_at] == ["ConfigMap default/geo-config"]
    elsewhere = explained(line.replace("/etc/geo/", "/opt/"), settings, volumes=volumes, volumeMounts=mounts)
    assert (elsewhere.phrase, elsewhere.points_at) == ("its configuration lacks GeoMongoAddress", ())


def test_the_config_map_that_brought_a_wrong_host_is_named() -> None:
    settings = {"kind": "ConfigMap", "metadata": {"name": "env"}, "data": {"DB_HOST": "db-svc"}}
    line, given = "dial tcp: lookup db-svc on 10.96.0.10:53: no such host", [{"configMapRef": {"name": "env"}}]
    story = explained(line, settings, DNS, envFrom=given)
    assert story.cause.endswith(
        "There is no Service db-svc in namespace default. ConfigMap env names it (key DB_HOST)."
    )
    assert story.remedies[-1].command == "kubectl describe configmap/env -n default"
    assert "ConfigMap" not in explained(line, settings, DNS).cause
