"""What scenarios are written with: a small builder of the objects a person would apply, with an age.

A scenario says what was applied and when, and how its programs behave; the simulated control plane makes the rest
(ReplicaSets, pods, statuses, events, logs), so that nothing a scenario knows reaches the served objects.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kubeagentix.contracts import ScenarioPlugin
from kubeagentix.demo.accounting import sync_metrics
from kubeagentix.demo.apps import ANY_APP, App
from kubeagentix.demo.certificates import issue_certificate
from kubeagentix.demo.controllers import Controllers
from kubeagentix.demo.nodes import node_manifest
from kubeagentix.demo.store import Manifest, Store, plain_copy
from kubeagentix.demo.system import SYSTEM_NAMESPACES, build_system
from kubeagentix.demo.templates import definition_spec, job_spec, latest_runs, pod_template, pod_webhook
from kubeagentix.demo.world import AdmissionRule, RegistryRule, World, digest, metadata
from kubeagentix.demo.writers import stamped

_BEFORE_EVERYTHING = datetime(2000, 1, 1, tzinfo=UTC)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def populate(store: Store, scenarios: Iterable[ScenarioPlugin]) -> None:
    """Fill an empty store with a healthy cluster and the scenarios, and keep it running after writes."""
    world = World(store=store, clock=_BEFORE_EVERYTHING)
    controllers = Controllers(world)
    kit = Kit(world, controllers, "default")
    for namespace in SYSTEM_NAMESPACES:
        kit.elsewhere(namespace)
    build_system(kit)
    for scenario in scenarios:
        part = kit.elsewhere(scenario.namespace)
        scenario.build(part)
        part.settle()
    kit.settle()
    sync_metrics(world)
    controllers.watch()


class Kit:
    """Adds objects to one namespace of the demo cluster. Ages are texts such as `40m`, `3h`, `9d`."""

    def __init__(self, world: World, controllers: Controllers, namespace: str) -> None:
        self.world = world
        self.namespace = namespace
        self._controllers = controllers

    def elsewhere(self, namespace: str, labels: Mapping[str, str] | None = None, age: str = "31d") -> Kit:
        """A kit for another namespace, which is made if it is not there."""
        if self.world.find("Namespace", "", namespace) is None:
            given = {"kubernetes.io/metadata.name": namespace, **(labels or {})}
            self.put(
                "Namespace",
                namespace,
                age=age,
                labels=given,
                spec={"finalizers": ["kubernetes"]},
                status={"phase": "Active"},
            )
        kit = Kit(self.world, self._controllers, namespace)
        kit.settle()
        return kit

    def ago(self, age: str) -> datetime:
        """The time that long before now."""
        return self.world.now - timedelta(seconds=int(age[:-1]) * _UNITS_S[age[-1]])

    def put(
        self,
        kind: str,
        name: str,
        *,
        age: str = "9d",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Manifest:
        """Add any object, with `fields` beside its metadata; returns it as stored."""
        served = self.world.store.catalog.named(kind)
        namespace = self.namespace if served.is_namespaced else ""
        meta = metadata(name, namespace, created=self.ago(age), labels=labels, annotations=annotations)
        return self.world.store.put({"apiVersion": served.api_version, "kind": kind, "metadata": meta, **fields})

    def define(self, group: str, kind: str, plural: str, age: str = "90d") -> None:
        """Define a namespaced kind, unless it is there already; from then on `put` takes its objects."""
        name = f"{plural}.{group}"
        if self.world.find("CustomResourceDefinition", "", name) is None:
            at = self.ago(age)
            accepted = {"type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found"}
            served = {
                "type": "Established",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            }
            conditions = [{**item, "status": "True", "lastTransitionTime": at} for item in (accepted, served)]
            spec = definition_spec(group, kind, plural)
            self.put("CustomResourceDefinition", name, age=age, spec=spec, status={"conditions": conditions})

    def label_namespace(self, **labels: str) -> None:
        """Add labels to the namespace; `__` stands for `/` and `_` for `-`."""
        live = plain_copy(self.world.find("Namespace", "", self.namespace))
        live["metadata"]["labels"].update(
            {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
        )
        self.world.store.put(live)

    def settle(self) -> None:
        """Let the control plane catch up in this namespace."""
        self._controllers.settle(self.namespace if self.namespace != "default" else None)

    def deployment(
        self,
        name: str,
        *containers: Manifest,
        app: App | Mapping[str, App] = ANY_APP,
        replicas: int = 1,
        age: str = "9d",
        broke: str = "",
        labels: Mapping[str, str] | None = None,
        pod: Mapping[str, Any] | None = None,
        **spec: Any,
    ) -> Manifest:
        """A Deployment. `app` is its first container's program, or programs by container; `pod` further pod fields.

        It worked until `broke` ago, or never did.
        """
        self._remember(name, containers, app, broke)
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        defaults = {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "strategy": rolling}
        template = pod_template(name, containers, labels, pod)
        full = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **defaults,
            **spec,
        }
        return self.put("Deployment", name, age=age, labels={"app": name}, spec=full)

    def roll_out(self, deployment: Mapping[str, Any], *, age: str, **changes: Any) -> None:
        """Change fields of a Deployment's first container, that long ago, and let the rollout go as far as it goes."""
        self.settle()
        live = plain_copy(self.world.find("Deployment", self.namespace, deployment["metadata"]["name"]))
        live["spec"]["template"]["spec"]["containers"][0].update(changes)
        self.world.store.put(live)
        self.world.clock = self.ago(age)
        self.settle()
        self.world.clock = _BEFORE_EVERYTHING

    def stateful_set(
        self,
        name: str,
        *containers: Manifest,
        app: App | Mapping[str, App] = ANY_APP,
        replicas: int = 1,
        age: str = "9d",
        broke: str = "",
        storage: str = "",
        storage_class: str = "standard",
        pod: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """A StatefulSet, each pod with a volume claim `data` of size `storage`; its Service is added by `service`."""
        self._remember(name, containers, app, broke)
        spec: Manifest = {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "OrderedReady",
            "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, containers, None, pod),
        }
        if storage:
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
            claim |= {"storageClassName": storage_class, "volumeMode": "Filesystem"}
            spec["volumeClaimTemplates"] = [
                {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": claim}
            ]
        return self.put("StatefulSet", name, age=age, labels={"app": name}, spec=spec)

    def daemon_set(
        self,
        name: str,
        *containers: Manifest,
        app: App | Mapping[str, App] = ANY_APP,
        age: str = "31d",
        pod: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """A DaemonSet."""
        self._remember(name, containers, app, "")
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        spec = {
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name, containers, None, pod),
            "updateStrategy": rolling,
            "revisionHistoryLimit": 10,
        }
        return self.put("DaemonSet", name, age=age, labels={"app": name}, spec=spec)

    def job(
        self,
        name: str,
        *containers: Manifest,
        app: App | Mapping[str, App] = ANY_APP,
        age: str = "2h",
        backoff_limit: int = 6,
    ) -> Manifest:
        """A Job whose pods are not restarted."""
        self._remember(name, containers, app, "")
        return self.put("Job", name, age=age, spec=job_spec(name, containers, backoff_limit))

    def cron_job(
        self,
        name: str,
        *containers: Manifest,
        schedule: str,
        app: App | Mapping[str, App] = ANY_APP,
        runs: int,
        age: str = "31d",
        backoff_limit: int = 6,
        keep_failed: int = 1,
        last_success: str = "",
    ) -> Manifest:
        """A CronJob, every N minutes or once an hour, and its latest `runs` Jobs.

        `last_success` is of a run no longer kept.
        """
        self._remember(name, containers, app, "")
        spec = {
            "schedule": schedule,
            "suspend": False,
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": keep_failed,
            "jobTemplate": {
                "metadata": {"creationTimestamp": None},
                "spec": job_spec(name, containers, backoff_limit),
            },
        }
        status = {"lastSuccessfulTime": self.ago(last_success)} if last_success else {}
        owner = self.put("CronJob", name, age=age, labels={"app": name}, spec=spec, status=status)
        for began in latest_runs(schedule, runs, self.world.now):
            job = {"apiVersion": "batch/v1", "kind": "Job", "spec": job_spec(name, containers, backoff_limit)}
            job_name = f"{name}-{int(began.timestamp()) // 60}"
            job["metadata"] = metadata(job_name, self.namespace, created=began, owner=owner)
            self.world.store.put(job)
        return owner

    def service(
        self,
        name: str,
        *,
        port: int = 80,
        target: int | str = "http",
        selector: Mapping[str, str] | None = None,
        age: str = "9d",
        headless: bool = False,
        **spec: Any,
    ) -> Manifest:
        """A Service for the pods labelled `app: <name>`."""
        seed = int(digest(f"{self.namespace}/{name}")[:8], 16)
        address = "None" if headless else f"10.{96 + seed % 16}.{seed // 16 % 256}.{1 + seed // 4096 % 254}"
        ports = [{"name": "http", "port": port, "targetPort": target, "protocol": "TCP"}]
        defaults = {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
        }
        chosen = {"app": name} if selector is None else dict(selector)
        full = {"selector": chosen, "ports": ports, **defaults, **spec}
        return self.put("Service", name, age=age, labels={"app": name}, spec=full, status={"loadBalancer": {}})

    def ingress(
        self, name: str, host: str, service: str, *, port: int = 80, tls: str = "", age: str = "9d"
    ) -> Manifest:
        """An Ingress of class nginx that sends a host to a Service, with a TLS Secret if one is named."""
        backend = {"service": {"name": service, "port": {"number": port}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
        spec: Manifest = {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": paths}}]}
        if tls:
            spec["tls"] = [{"hosts": [host], "secretName": tls}]
        return self.put("Ingress", name, age=age, spec=spec)

    def config_map(self, name: str, age: str = "9d", *, edited: str = "", **data: str) -> Manifest:
        """A ConfigMap, which somebody `edited` that long ago."""
        made = self.put("ConfigMap", name, age=age, data=data)
        if not edited:
            return made
        return self.world.store.put(stamped(plain_copy(made), "kubectl-edit", self.ago(edited)))

    def secret(self, name: str, kind: str = "Opaque", age: str = "9d", **values: str) -> Manifest:
        """A Secret of plain values."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        return self.put("Secret", name, age=age, type=kind, data=data)

    def tls_secret(self, name: str, host: str, *, issued: str, lasts_days: int, is_pair: bool = True) -> Manifest:
        """A TLS Secret with a certificate for `host`, issued that long ago for so many days, and its or another key."""
        certificate, key = issue_certificate(host, self.ago(issued), timedelta(days=lasts_days))
        if not is_pair:
            _, key = issue_certificate(host, self.ago(issued), timedelta(days=lasts_days))
        data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
        return self.put("Secret", name, age=issued, type="kubernetes.io/tls", data=data)

    def role(self, name: str, *resources: str, verbs: Iterable[str], group: str = "", age: str = "9d") -> Manifest:
        """A Role of one rule."""
        rule = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
        return self.put("Role", name, age=age, rules=[rule])

    def bind(self, role: str, account: str, age: str = "9d") -> Manifest:
        """A RoleBinding, called as the Role, that gives the Role to a service account of this namespace."""
        subject = {"kind": "ServiceAccount", "name": account, "namespace": self.namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
        return self.put("RoleBinding", role, age=age, roleRef=reference, subjects=[subject])

    def claim(self, name: str, size: str, storage_class: str = "standard", age: str = "9d") -> Manifest:
        """A PersistentVolumeClaim."""
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": storage_class,
            "volumeMode": "Filesystem",
        }
        return self.put("PersistentVolumeClaim", name, age=age, spec=spec, status={"phase": "Pending"})

    def autoscaler(self, name: str, *, low: int, high: int, age: str = "9d") -> Manifest:
        """An autoscaler on the CPU utilization of the Deployment of that name."""
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
        }
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        spec = {"scaleTargetRef": target, "minReplicas": low, "maxReplicas": high, "metrics": [metric]}
        return self.put("HorizontalPodAutoscaler", name, age=age, spec=spec)

    def policy(
        self,
        name: str,
        *,
        pods: Mapping[str, str] | None = None,
        ingress: Iterable[Mapping[str, Any]] | None = None,
        egress: Iterable[Mapping[str, Any]] | None = None,
        age: str = "9d",
    ) -> Manifest:
        """A NetworkPolicy for the pods with those labels (None: all). None leaves a direction out, empty denies it."""
        spec: Manifest = {"podSelector": {"matchLabels": dict(pods)} if pods else {}, "policyTypes": []}
        for direction, rules in (("Ingress", ingress), ("Egress", egress)):
            if rules is not None:
                spec["policyTypes"].append(direction)
                if written := [dict(rule) for rule in rules]:
                    spec[direction.lower()] = written
        return self.put("NetworkPolicy", name, age=age, spec=spec)

    def budget(self, name: str, *, min_available: int, age: str = "9d") -> Manifest:
        """A PodDisruptionBudget for the pods labelled `app: <name>`."""
        spec = {"minAvailable": min_available, "selector": {"matchLabels": {"app": name}}}
        return self.put("PodDisruptionBudget", name, age=age, spec=spec)

    def node(self, name: str, **fields: Any) -> Manifest:
        """A node; fields as of `nodes.node_manifest`."""
        created = self.ago(fields.pop("age", "31d"))
        return self.world.store.put(node_manifest(name, self.world, created=created, **fields))

    def lose_node(self, name: str, age: str) -> None:
        """That long ago, the node's kubelet stopped posting; the control plane has drawn its conclusions."""
        self._controllers.settle()
        self.world.lost_nodes[name] = self.ago(age)
        self.world.clock = self.ago(age) + timedelta(seconds=345)
        self._controllers.settle()
        self.world.clock = _BEFORE_EVERYTHING

    def restarted(self, workload: str, age: str) -> None:
        """The workload's pods were restarted once, that long ago, and have been well since."""
        self.settle()
        for pod in self.world.all("Pod", self.namespace):
            if self.world.workload_name(pod) == workload:
                self._restart(plain_copy(pod), self.ago(age))

    def _restart(self, pod: Manifest, at: datetime) -> None:
        for status in pod["status"]["containerStatuses"]:
            began, ended = status["state"]["running"]["startedAt"], at - timedelta(seconds=4)
            status["restartCount"] = 1
            status["state"] = {"running": {"startedAt": at}}
            terminated = {"exitCode": 137, "reason": "Error", "startedAt": began, "finishedAt": ended}
            status["lastState"] = {"terminated": {**terminated, "containerID": f"containerd://{digest(str(began))}"}}
        self.world.store.put(pod)

    def registry_lacks(self, image: str) -> None:
        """The registry does not know images whose name starts so."""
        self.world.registry.append(RegistryRule(prefix=image))

    def registry_denies(self, image: str) -> None:
        """The registry gives images whose name starts so to nobody without a pull secret."""
        self.world.registry.append(RegistryRule(prefix=image, is_denied=True))

    def refuse_pods(self, webhook: str, refuse: Callable[[Mapping[str, Any]], str]) -> None:
        """A validating webhook looks at this namespace's pods; `refuse` gives the reason to refuse one, or "".

        It does so as long as there is its configuration, and this selects the namespace.
        """
        hooks = [pod_webhook(webhook, self.namespace)]
        self.put("ValidatingWebhookConfiguration", webhook, age="90d", webhooks=hooks)
        self.world.admission.append(AdmissionRule(namespace=self.namespace, webhook=webhook, refuse=refuse))

    def _remember(self, name: str, containers: tuple[Manifest, ...], app: App | Mapping[str, App], broke: str) -> None:
        programs = {containers[0]["name"]: app} if isinstance(app, App) else app
        for container_name, program in programs.items():
            self.world.apps[self.namespace, name, container_name] = program
        if broke:
            self.world.onsets[self.namespace, name] = self.ago(broke)
