"""Workloads for a real cluster, each broken in one way (or healthy), with what is really wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE = "busybox:1.35"


@dataclass(frozen=True, slots=True)
class Case:
    """Manifests for one namespace (NAMESPACE stands for its name), and the truth: none for a healthy one."""

    name: str
    manifests: str
    root: str = ""
    reason: str = ""


def deployment(name: str, container: str, *, pod: str = "", replicas: int = 1) -> str:
    """A Deployment whose one container is given as YAML flow fields, and whose pod spec may get more of them."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      {pod}
      containers:
        - {{name: app, image: "{IMAGE}", imagePullPolicy: IfNotPresent, {container}}}
---
"""


def shell(script: str) -> str:
    """The container's command, as flow YAML."""
    return f"command: [sh, -c, '{script}']"


def service(name: str, selector: str, port: int, target: str) -> str:
    """A Service with one port."""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {selector}}}, ports: [{{port: {port}, targetPort: {target}}}]}}
---
"""


SLEEP = shell("sleep 86400")
MIGRATE = shell('echo "open /etc/app/schema.sql: no such file or directory" >&2; exit 1')
WEB = shell("mkdir -p /tmp/w && httpd -f -p 8080 -h /tmp/w")

CASES = (
    Case(
        "variable",
        deployment("ledger", shell('echo "starting ledger"; echo "FATAL: DATABASE_URL is not set" >&2; exit 1')),
        "Deployment/ledger",
        "CrashLoopBackOff/MissingVariable",
    ),
    Case(
        "panic",
        deployment(
            "router", shell('echo "panic: runtime error: index out of range [3] with length 2" >&2; exit 2'), replicas=2
        ),
        "Deployment/router",
        "CrashLoopBackOff/Panic",
    ),
    Case("completes", deployment("sync", shell("echo done")), "Deployment/sync", "CrashLoopBackOff/Completed"),
    Case(
        "not-found", deployment("mailer", 'command: ["/app/mailer"]'), "Deployment/mailer", "StartError/CommandNotFound"
    ),
    Case(
        "memory",
        """
apiVersion: apps/v1
kind: Deployment
metadata: {name: thumbs}
spec:
  selector: {matchLabels: {app: thumbs}}
  template:
    metadata: {labels: {app: thumbs}}
    spec:
      containers:
        - name: app
          image: lab/memgrow:1.0
          imagePullPolicy: IfNotPresent
          args: ["400", "20", "20"]
          resources: {limits: {memory: 64Mi}}
---
""",
        "Deployment/thumbs",
        "OOMKilled",
    ),
    Case(
        "image",
        deployment("api", SLEEP).replace(IMAGE, "registry.local/team/api:v9.9.9"),
        "Deployment/api",
        "ImagePullBackOff",
    ),
    Case(
        "config",
        deployment("cart", f"{SLEEP}, envFrom: [{{configMapRef: {{name: cart-settings}}}}]"),
        "Deployment/cart",
        "CreateContainerConfigError/ConfigMapNotFound",
    ),
    Case(
        "secret-key",
        """
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {api-token: dummy}
---
"""
        + deployment(
            "billing", f"{SLEEP}, env: [{{name: T, valueFrom: {{secretKeyRef: {{name: keys, key: api_token}}}}}}]"
        ),
        "Deployment/billing",
        "CreateContainerConfigError/SecretKeyNotFound",
    ),
    Case(
        "mount",
        deployment(
            "proxy",
            f"{SLEEP}, volumeMounts: [{{name: c, mountPath: /etc/c}}]",
            pod="volumes: [{name: c, configMap: {name: proxy-conf}}]",
        ),
        "Deployment/proxy",
        "FailedMount/ConfigMapNotFound",
    ),
    Case(
        "cpu",
        deployment("trainer", f"{SLEEP}, resources: {{requests: {{cpu: '500'}}}}"),
        "Deployment/trainer",
        "Unschedulable/InsufficientCpu",
    ),
    Case(
        "selector",
        deployment("render", SLEEP, pod="nodeSelector: {accelerator: a100}"),
        "Deployment/render",
        "Unschedulable/NodeSelector",
    ),
    Case(
        "taint",
        deployment("batch", SLEEP, pod="nodeSelector: {pool: batch}"),
        "Deployment/batch",
        "Unschedulable/Taint",
    ),
    Case(
        "claim",
        """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: fast-ssd, resources: {requests: {storage: 1Gi}}}
---
"""
        + deployment(
            "store",
            f"{SLEEP}, volumeMounts: [{{name: d, mountPath: /d}}]",
            pod="volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]",
        ),
        "PersistentVolumeClaim/data",
        "ClaimPending/StorageClassNotFound",
    ),
    Case(
        "readiness",
        deployment(
            "front",
            f"{WEB}, ports: [{{containerPort: 8080}}],"
            " readinessProbe: {httpGet: {path: /, port: 9090}, periodSeconds: 3}",
        ),
        "Deployment/front",
        "Unhealthy/Readiness",
    ),
    Case(
        "liveness",
        deployment(
            "session",
            f"{WEB}, livenessProbe: {{httpGet: {{path: /healthz, port: 8080}}, periodSeconds: 2, failureThreshold: 2}}",
        ),
        "Deployment/session",
        "Unhealthy/Liveness",
    ),
    Case(
        "quota",
        """
apiVersion: v1
kind: ResourceQuota
metadata: {name: compute}
spec: {hard: {requests.cpu: "1"}}
---
"""
        + deployment("search", f"{SLEEP}, resources: {{requests: {{cpu: 800m}}}}", replicas=3),
        "Deployment/search",
        "FailedCreate/QuotaExceeded",
    ),
    Case(
        "labels",
        deployment("pay", f"{WEB}, ports: [{{containerPort: 8080}}]") + service("pay", "payments", 80, "8080"),
        "Service/pay",
        "NoEndpoints/SelectorMismatch",
    ),
    Case(
        "job",
        f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: migrate}}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      containers:
        - {{name: app, image: "{IMAGE}", imagePullPolicy: IfNotPresent, {MIGRATE}}}
---
""",
        "Job/migrate",
        "Error/MissingFile",
    ),
    Case(
        "chain",
        deployment(
            "db",
            shell('echo "FATAL: data directory /var/lib/data has wrong permissions: Permission denied" >&2; exit 1'),
        )
        + service("db", "db", 5432, "5432")
        + deployment(
            "orders",
            shell(
                'nc -w 2 db 5432 </dev/null || { echo "dial tcp: connect to db:5432: connection refused" >&2; exit 1; }'
            ),
        )
        + deployment(
            "invoices", shell('echo "cannot connect to db.NAMESPACE:5432: Connection refused" >&2; sleep 1; exit 1')
        ),
        "Deployment/db",
        "CrashLoopBackOff/PermissionDenied",
    ),
    Case(
        "healthy",
        deployment("web", f"{WEB}, ports: [{{name: http, containerPort: 8080}}]", replicas=2)
        + service("web", "web", 80, "http")
        + f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: seed}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: app, image: "{IMAGE}", imagePullPolicy: IfNotPresent, {shell("echo ok")}}}]
---
""",
    ),
)
