"""What extends the simulated API server: webhooks that it asks, APIs that it passes on, and who watches over both.

Source: kube-aggregator/pkg/controllers/status (reasons and words), apiserver/pkg/admission/plugin/webhook and the
service resolver of pkg/proxy/util (what a call to a Service without endpoints comes to).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeagentix.demo.policies import is_ready, selected_pods
from kubeagentix.demo.selectors import selects
from kubeagentix.demo.store import Manifest
from kubeagentix.demo.world import World, moment, stamp

_CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def unanswered_webhook(pod: Mapping[str, Any], world: World) -> str:
    """What the API server says where a webhook that must approve a new pod does not answer; else an empty text."""
    namespace = world.find("Namespace", "", pod["metadata"]["namespace"]) or {"metadata": {}}
    for hook in _asked(pod, namespace["metadata"].get("labels") or {}, world):
        client = hook["clientConfig"]["service"]
        why = _no_backend(client["namespace"], client["name"], world)
        if why and hook.get("failurePolicy", "Fail") == "Fail":
            host = f"{client['name']}.{client['namespace']}.svc:{client.get('port', 443)}"
            url = f"https://{host}{client.get('path', '/')}?timeout={hook.get('timeoutSeconds', 10)}s"
            call = f'failed to call webhook: Post "{url}": {why}'
            return f'Internal error occurred: failed calling webhook "{hook["name"]}": {call}'
    return ""


def _asked(pod: Mapping[str, Any], labels: Mapping[str, str], world: World) -> Iterator[Mapping[str, Any]]:
    """The webhooks behind Services that are asked about a new pod in a namespace with those labels."""
    for kind in _CONFIGURATIONS:
        for configuration in world.all(kind):
            for hook in configuration.get("webhooks") or ():
                is_meant = selects(hook.get("namespaceSelector") or {}, labels) and selects(
                    hook.get("objectSelector") or {}, pod["metadata"].get("labels") or {}
                )
                if "service" in hook["clientConfig"] and is_meant and any(map(_is_about_pods, hook.get("rules") or ())):
                    yield hook


def _is_about_pods(rule: Mapping[str, Any]) -> bool:
    wanted = (("apiGroups", {"", "*"}), ("resources", {"pods", "*", "*/*"}), ("operations", {"CREATE", "*"}))
    return all(names & set(rule.get(field) or ()) for field, names in wanted)


def _no_backend(namespace: str, name: str, world: World) -> str:
    service = world.find("Service", namespace, name)
    if service is None:
        return f'service "{name}" not found'
    return "" if _is_served(service, world) else f'no endpoints available for service "{name}"'


def _is_served(service: Mapping[str, Any], world: World) -> bool:
    return any(is_ready(pod) for pod in selected_pods(service, world))


def sync_api_service(api_service: Mapping[str, Any], world: World) -> None:
    """Write whether the server of an API group can be reached."""
    is_available, reason, message = _availability(api_service, world)
    before = next(iter((api_service.get("status") or {}).get("conditions") or ()), None)
    status = "True" if is_available else "False"
    changed = max(moment(api_service["metadata"]["creationTimestamp"]), world.clock)
    at = before["lastTransitionTime"] if before and before["status"] == status else stamp(min(changed, world.now))
    condition = {"type": "Available", "status": status, "reason": reason, "message": message, "lastTransitionTime": at}
    world.store.put({**api_service, "status": {"conditions": [condition]}})


def _availability(api_service: Mapping[str, Any], world: World) -> tuple[bool, str, str]:
    client = api_service["spec"].get("service")
    if client is None:
        return True, "Local", "Local APIServices are always available"
    service = world.find("Service", client["namespace"], client["name"])
    if service is None:
        message = f'service/{client["name"]} in "{client["namespace"]}" is not present'
        return False, "ServiceNotFound", message
    if not _is_served(service, world):
        port = next((item.get("name", "") for item in service["spec"].get("ports") or ()), "")
        where = f'service/{client["name"]} in "{client["namespace"]}"'
        return False, "MissingEndpoints", f'endpoints for {where} have no addresses with port name "{port}"'
    return True, "Passed", "all checks passed"


def metrics_failure(group: str, resource: str, world: World) -> str:
    """What a client of a metrics API hears where nobody answers for its group; else an empty text."""
    found = [item for item in world.all("APIService") if item["spec"]["group"] == group]
    if not found:
        return "the server could not find the requested resource"
    is_available = any(_availability(item, world)[0] for item in found)
    return "" if is_available else f"the server is currently unable to handle the request (get {resource}.{group})"


def local_api_services(world: World) -> Iterator[Manifest]:
    """The APIServices of the groups that the API server serves itself."""
    versions = {(kind.group, kind.version) for kind in world.store.catalog if not kind.is_custom}
    for group, version in sorted(versions):
        if not group.endswith("metrics.k8s.io"):
            spec = {"group": group, "version": version, "groupPriorityMinimum": 17000, "versionPriority": 15}
            yield {"name": f"{version}.{group}", "spec": spec}
