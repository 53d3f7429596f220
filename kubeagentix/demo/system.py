"""The healthy ground all scenarios stand on: three nodes and what runs in every cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubeagentix.demo.apps import App
from kubeagentix.demo.extensions import local_api_services
from kubeagentix.demo.nodes import VERSION
from kubeagentix.demo.store import Manifest
from kubeagentix.demo.templates import api_service_spec

if TYPE_CHECKING:
    from kubeagentix.demo.kit import Kit

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease", "ingress-nginx")
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
AGE = "31d"  # of the cluster
_REGISTRY = "registry.k8s.io"
_ADDRESS = "203.0.113.80"  # the load balancer's, of a block reserved for documentation
_COREFILE = """.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa
    forward . /etc/resolv.conf
    cache 30
}
"""
_DNS = App(
    log=(".:53", "[INFO] plugin/reload: Running configuration SHA512 = 1b226df79860026c6a52e67d", "CoreDNS-1.12.1")
)


def build_system(kit: Kit) -> None:
    """Add nodes, classes, kube-system and the ingress controller."""
    taint = {"key": CONTROL_PLANE, "effect": "NoSchedule"}
    kit.node("cp-1", cpu=4, memory_gib=16, labels={CONTROL_PLANE: ""}, taints=[taint])
    kit.node("worker-1", labels={"pool": "general"})
    kit.node("worker-2", labels={"pool": "general"})
    _add_classes(kit)
    _add_kube_system(kit.elsewhere("kube-system"))
    _add_ingress_controller(kit.elsewhere("ingress-nginx"))
    _add_api_service(kit)
    _add_api_services(kit)
    kit.settle()


def _add_classes(kit: Kit) -> None:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    kit.put(
        "StorageClass",
        "standard",
        age=AGE,
        annotations=default,
        provisioner="csi.example.com",
        reclaimPolicy="Delete",
        allowVolumeExpansion=True,
        volumeBindingMode="WaitForFirstConsumer",
    )
    kit.put("IngressClass", "nginx", age=AGE, spec={"controller": "k8s.io/ingress-nginx"})
    for name, value in (("system-cluster-critical", 2000000000), ("system-node-critical", 2000001000)):
        policy = "PreemptLowerPriority"
        kit.put("PriorityClass", name, age=AGE, value=value, globalDefault=False, preemptionPolicy=policy)


def _add_kube_system(kit: Kit) -> None:
    critical = _priority("system-cluster-critical", 2000000000)
    critical["tolerations"] = [{"key": CONTROL_PLANE, "effect": "NoSchedule"}]
    dns = _container("coredns", f"{_REGISTRY}/coredns/coredns:v1.12.1", 53, "UDP")
    dns["ports"].append({"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"})
    metrics = _container("metrics-server", f"{_REGISTRY}/metrics-server/metrics-server:v0.8.0", 10250)
    kit.deployment("coredns", dns, app=_DNS, replicas=2, age=AGE, pod=critical)
    kit.deployment("metrics-server", metrics, age=AGE, pod=critical)
    everywhere = {"hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
    everywhere |= _priority("system-node-critical", 2000001000)
    kit.daemon_set("kube-proxy", _container("kube-proxy", f"{_REGISTRY}/kube-proxy:{VERSION}"), pod=everywhere)
    kit.daemon_set("kindnet", _container("kindnet-cni", "docker.io/kindest/kindnetd:v20250512"), pod=everywhere)
    kit.config_map("coredns", age=AGE, Corefile=_COREFILE)
    dns_ports = [
        {"name": name, "port": 53, "targetPort": 53, "protocol": protocol}
        for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))
    ]
    cluster_ip = "10.96.0.10"
    selector = {"app": "coredns"}
    kit.service("kube-dns", selector=selector, age=AGE, ports=dns_ports, clusterIP=cluster_ip, clusterIPs=[cluster_ip])
    kit.service("metrics-server", port=443, target=10250, age=AGE)
    kit.settle()


def _priority(name: str, value: int) -> dict[str, Any]:
    return {"priorityClassName": name, "priority": value}


def _container(name: str, image: str, port: int = 0, protocol: str = "TCP") -> Manifest:
    resources = {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}}
    ports = [{"name": "main", "containerPort": port, "protocol": protocol}] if port else []
    return {"name": name, "image": image, "resources": resources} | ({"ports": ports} if ports else {})


def _add_ingress_controller(kit: Kit) -> None:
    name = "ingress-nginx-controller"
    controller = _container("controller", f"{_REGISTRY}/ingress-nginx/controller:v1.13.3", 80)
    kit.deployment(name, controller, age=AGE, replicas=2)
    service = kit.service(name, target=80, age=AGE, type="LoadBalancer")
    kit.world.store.put({**service, "status": {"loadBalancer": {"ingress": [{"ip": _ADDRESS, "ipMode": "VIP"}]}}})
    kit.settle()


def _add_api_service(kit: Kit) -> None:
    """The Service `kubernetes`, whose endpoints the API server keeps itself."""
    ports = [{"name": "https", "port": 443, "targetPort": 6443, "protocol": "TCP"}]
    kit.service("kubernetes", selector={}, age=AGE, ports=ports, clusterIP="10.96.0.1", clusterIPs=["10.96.0.1"])
    endpoint_ports = [{"name": "https", "port": 6443, "protocol": "TCP"}]
    subsets = [{"addresses": [{"ip": "10.0.0.11"}], "ports": endpoint_ports}]
    kit.put("Endpoints", "kubernetes", age=AGE, subsets=subsets)
    kit.put(
        "EndpointSlice",
        "kubernetes",
        age=AGE,
        labels={"kubernetes.io/service-name": "kubernetes"},
        addressType="IPv4",
        endpoints=[{"addresses": ["10.0.0.11"], "conditions": {"ready": True}}],
        ports=endpoint_ports,
    )


def _add_api_services(kit: Kit) -> None:
    """The groups that the API server serves itself, and that of metrics-server."""
    for item in local_api_services(kit.world):
        kit.put("APIService", item["name"], age=AGE, spec=item["spec"])
    kit.put("APIService", "v1beta1.metrics.k8s.io", age=AGE, spec=api_service_spec("metrics.k8s.io", "metrics-server"))
