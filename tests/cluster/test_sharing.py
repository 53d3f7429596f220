"""One that keeps up with a cluster keeps what objects have in common once, from version to version."""

from __future__ import annotations

import msgspec

from kubeagentix.cluster.live_objects import LiveObjects
from kubeagentix.cluster.projections import decode_object
from kubeagentix.cluster.sharing import KnownParts
from kubeagentix.domain.meta import Resource
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resources import KINDS


def pod(name: str, *, phase: str = "Running", owner: str = "set-1") -> Pod:
    """As it is decoded from the wire, so that nothing of it is shared."""
    owners = [{"kind": "ReplicaSet", "name": "web", "uid": owner, "controller": True}]
    metadata = {"name": name, "namespace": "shop", "labels": {"app": "web"}, "ownerReferences": owners}
    container = {"name": "web", "image": "web:1", "env": [{"name": "MODE", "value": "fast"}]}
    status = {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]}
    made = {"metadata": metadata, "spec": {"containers": [container], "nodeName": f"node-of-{name}"}, "status": status}
    found = decode_object(KINDS[Pod.kind], msgspec.json.encode(made))
    assert isinstance(found, Pod)
    return found


def kept(*pods: Pod) -> tuple[LiveObjects, KnownParts]:
    objects = LiveObjects()
    parts = KnownParts(objects.known)
    for item in pods:
        take(objects, parts, item)
    return objects, parts


def take(objects: LiveObjects, parts: KnownParts, item: Resource) -> None:
    parts.share((item,))
    objects.put(item.kind, item.namespace, item.name, item)


def test_a_new_version_refers_to_what_is_as_before() -> None:
    first, second = pod("web-1"), pod("web-1", phase="Failed")
    objects, parts = kept(first)
    take(objects, parts, second)
    assert objects.known("Pod", "shop", "web-1") is second
    assert second == pod("web-1", phase="Failed")
    assert second.spec is first.spec
    assert second.metadata is first.metadata
    assert second.status is not first.status
    assert second.status.conditions is first.status.conditions


def test_what_is_listed_again_as_it_was_refers_to_all_that_is_known() -> None:
    first, second = (
        msgspec.structs.replace(item, metadata=msgspec.structs.replace(item.metadata, uid="u", resource_version="7"))
        for item in (pod("web-1"), pod("web-1"))
    )
    objects, parts = kept(first)
    take(objects, parts, second)
    assert objects.known("Pod", "shop", "web-1") is first
    assert (second.metadata, second.spec, second.status) == (first.metadata, first.spec, first.status)
    assert second.status is first.status


def test_a_new_pod_refers_to_what_it_has_in_common_with_another_of_its_owner() -> None:
    first, second, stranger = pod("web-1"), pod("web-2"), pod("web-3", owner="set-2")
    objects, parts = kept(first, second, stranger)
    assert second == pod("web-2")
    assert second.spec.containers[0].env is first.spec.containers[0].env
    assert second.spec is not first.spec
    assert stranger.spec.containers[0].env is not first.spec.containers[0].env
    objects.put("Pod", "shop", "web-1", None)
    third, fourth = pod("web-4"), pod("web-5")
    take(objects, parts, third)
    take(objects, parts, fourth)
    assert third.metadata.labels is not first.metadata.labels  # which is gone
    assert fourth.metadata.labels is third.metadata.labels
