"""Who serves an IngressClass: the pods that, by their image or labels, are the controller that the class names.

A class names its controller by a path such as `k8s.io/ingress-nginx`. The words of it that are not common to all
controllers are looked for; what many pods have in common only makes more of them look like a controller.
"""

from __future__ import annotations

import re

from kubeagentix.domain.network import Ingress, IngressClass, Service
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

CLASS_ANNOTATION = "kubernetes.io/ingress.class"  # how a class was named before ingressClassName
_COMMON = {"ingress", "controller", "controllers", "io", "com", "org", "k8s", "sigs", "kubernetes", "net", "dev", "www"}
_COMMON_NAMES = ("", "ingress", "controller", "ingress-controller")
# Controllers that no pod of the cluster is: those of clouds.
_OUTSIDE = ("gcp.", "gke.", "azure", "eks.", "aws", "ibm", "oci.", "alibaba", "oraclecloud", "openshift.io")


def named_class(ingress: Ingress) -> str:
    """The name of the class that an Ingress names, by its field or as was usual before; "" if it names none."""
    return ingress.spec.ingress_class_name or ingress.metadata.annotations.get(CLASS_ANNOTATION, "")


def class_of(snapshot: Snapshot, ingress: Ingress) -> IngressClass | None:
    """The class that an Ingress names, or gets by default."""
    name = named_class(ingress)
    if name:
        return snapshot.get(IngressClass, "", name)
    return next((item for item in snapshot.all(IngressClass) if item.is_default), None)


def controller_pods(snapshot: Snapshot, ingress_class: IngressClass) -> tuple[Pod, ...]:
    """The pods that may be the controller of a class, ready or not."""
    return snapshot.derived(_called_as, ingress_class.spec.controller.lower())


def _called_as(snapshot: Snapshot, controller: str) -> tuple[Pod, ...]:
    pods = [pod for pod in snapshot.all(Pod) if not pod.is_finished]
    own = controller.rpartition("/")[2]
    exact = tuple(pod for pod in pods if own not in _COMMON_NAMES and _is_called(pod, {own}))
    words = _words(controller)
    return exact or tuple(pod for pod in pods if _is_called(pod, words))


def is_outside(ingress_class: IngressClass) -> bool:
    """Whether the controller of a class is not to be looked for among the pods."""
    controller = ingress_class.spec.controller.lower()
    return not _words(controller) or any(word in controller for word in _OUTSIDE)


def entry_pods(snapshot: Snapshot, ingress_class: IngressClass) -> tuple[Pod, ...]:
    """Those of the controller's pods by which traffic comes in: a Service leads to them from outside."""
    reached = snapshot.derived(_reached_from_outside)
    return tuple(pod for pod in controller_pods(snapshot, ingress_class) if (pod.namespace, pod.name) in reached)


def _reached_from_outside(snapshot: Snapshot) -> frozenset[tuple[str, str]]:
    outward = [item for item in snapshot.all(Service) if item.spec.type in ("LoadBalancer", "NodePort")]
    return frozenset(
        (pod.namespace, pod.name)
        for service in outward
        for pod in snapshot.pods_selected(service.namespace, service.spec.selector)
    )


def _words(controller: str) -> set[str]:
    """The telling words of the path, or else those of the domain."""
    domain, _, path = controller.lower().rpartition("/")
    return _telling(path) or _telling(domain)


def _telling(text: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", text) if len(word) > 2 and word not in _COMMON}


def _is_called(pod: Pod, words: set[str]) -> bool:
    names = [_repository(item.image) for item in pod.spec.containers]
    names += [pod.name, *pod.metadata.labels.values()]
    return any(word in name.lower() for name in names for word in words)


def _repository(image: str) -> str:
    """An image's name without its registry, tag and digest."""
    host, slash, path = image.partition("@")[0].partition("/")
    name = path if slash and re.search(r"[.:]", host) else f"{host}{slash}{path}"
    return name.partition(":")[0]
