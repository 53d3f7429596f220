"""Whether a connection within the simulated cluster comes about: Services, ready pods, and ingress NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubeagentix.demo.apps import Reach
from kubeagentix.demo.selectors import selects
from kubeagentix.demo.world import World


def reach(source: Mapping[str, Any], host: str, port: int, world: World) -> Reach:
    """What a connection from a pod to `host` (`name`, `name.namespace`, or longer) and `port` comes to.

    A Service without ready endpoints refuses, as kube-proxy does; nobody answers on a port that it does not have, and
    a policy drops, so that the client times out.
    """
    name, _, rest = host.partition(".")
    namespace = rest.split(".")[0] or source["metadata"]["namespace"]
    service = world.find("Service", namespace, name)
    if service is None:
        return "no such host"
    ports = {item["port"] for item in service["spec"].get("ports") or ()}
    backends = [pod for pod in selected_pods(service, world) if is_ready(pod)]
    if port not in ports:
        return "timeout"
    if not backends:
        return "refused"
    return "ok" if any(_admits(source, pod, world) for pod in backends) else "timeout"


def reaches_name_server(source: Mapping[str, Any], world: World) -> bool:
    """Whether the pod is answered by the cluster's DNS: its pods are ready, and egress to their port is let through."""
    service = world.find("Service", "kube-system", "kube-dns")
    servers = [pod for pod in selected_pods(service, world) if is_ready(pod)] if service is not None else []
    return any(_lets_out(source, pod, 53, "UDP", world) for pod in servers)


def selected_pods(service: Mapping[str, Any], world: World) -> list[Mapping[str, Any]]:
    """The pods of a Service's selector that have an address and have not ended."""
    selector = service["spec"].get("selector") or {}
    return [
        pod
        for pod in world.all("Pod", service["metadata"]["namespace"])
        if selector
        and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        and (pod.get("status") or {}).get("podIP")
        and pod["status"].get("phase") not in ("Failed", "Succeeded")
    ]


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the pod's Ready condition is True."""
    conditions: Iterable[Mapping[str, Any]] = (pod.get("status") or {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _admits(source: Mapping[str, Any], target: Mapping[str, Any], world: World) -> bool:
    labels = target["metadata"].get("labels") or {}
    policies = [
        policy
        for policy in world.all("NetworkPolicy", target["metadata"]["namespace"])
        if "Ingress" in (policy["spec"].get("policyTypes") or ["Ingress"])
        and selects(policy["spec"].get("podSelector"), labels)
    ]
    if not policies:
        return True
    return any(
        not rule.get("from") or any(_is_peer(source, peer, policy, world) for peer in rule["from"])
        for policy in policies
        for rule in policy["spec"].get("ingress") or ()
    )


def _lets_out(source: Mapping[str, Any], target: Mapping[str, Any], port: int, protocol: str, world: World) -> bool:
    policies = [
        policy
        for policy in world.all("NetworkPolicy", source["metadata"]["namespace"])
        if "Egress" in (policy["spec"].get("policyTypes") or ())
        and selects(policy["spec"].get("podSelector"), source["metadata"].get("labels") or {})
    ]
    rules = [(policy, rule) for policy in policies for rule in policy["spec"].get("egress") or ()]
    return not policies or any(
        (not rule.get("to") or any(_is_peer(target, peer, policy, world) for peer in rule["to"]))
        and (not rule.get("ports") or any(_is_port(item, port, protocol) for item in rule["ports"]))
        for policy, rule in rules
    )


def _is_port(item: Mapping[str, Any], port: int, protocol: str) -> bool:
    return bool(item.get("protocol", "TCP") == protocol and item.get("port", port) == port)


def _is_peer(source: Mapping[str, Any], peer: Mapping[str, Any], policy: Mapping[str, Any], world: World) -> bool:
    namespace = source["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        found = world.find("Namespace", "", namespace) or {"metadata": {}}
        if not selects(peer["namespaceSelector"], found["metadata"].get("labels") or {}):
            return False
    elif namespace != policy["metadata"]["namespace"]:
        return False
    return selects(peer.get("podSelector") or {}, source["metadata"].get("labels") or {})
