"""Classes of Ingresses: missing, none, several by default, or without a controller that serves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeagentix.analysis import kubectl
from kubeagentix.analysis.affected import workloads_of
from kubeagentix.analysis.ingress_controllers import class_of, controller_pods, is_outside, named_class
from kubeagentix.analysis.node_life import late_pods
from kubeagentix.analysis.shortfall import is_older_than, pod_evidence
from kubeagentix.analysis.spelling import nearest
from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, Severity
from kubeagentix.domain.network import Ingress, IngressClass
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot

ID = "ingress-classes"
ADDRESS_GRACE_S = 300.0  # controllers and clouds need minutes to give an address


def analyze(snapshot: Snapshot) -> Iterable[Finding]:
    """At most one Finding per Ingress and reason, and one of the default classes."""
    for ingress in snapshot.all(Ingress):
        if ingress.metadata.deletion_timestamp is None:
            yield from _class(snapshot, ingress)
            yield from _controller_down(snapshot, ingress)
    yield from _defaults(snapshot)


def _class(snapshot: Snapshot, ingress: Ingress) -> Iterator[Finding]:
    if not snapshot.was_read(IngressClass):
        return
    name, has_address = ingress.spec.ingress_class_name, bool(ingress.status.load_balancer.ingress)
    if name and snapshot.get(IngressClass, "", name) is None:
        yield _class_not_found(snapshot, ingress, name, has_address=has_address)
    elif (
        not (class_of(snapshot, ingress) or named_class(ingress))
        and not has_address
        and not _is_taken_on(snapshot, ingress)
    ):
        yield _no_class(snapshot, ingress)
    elif not has_address and is_older_than(ingress.metadata.creation_timestamp, ADDRESS_GRACE_S, snapshot.taken_at):
        yield _no_address(snapshot, ingress)


def _is_taken_on(snapshot: Snapshot, ingress: Ingress) -> bool:
    """Whether a controller said that it is at work on it; GKE's, for one, serves Ingresses without a class."""
    return any(not event.is_warning for event in snapshot.events_for(ingress))


def _class_not_found(snapshot: Snapshot, ingress: Ingress, name: str, *, has_address: bool) -> Finding:
    ref = snapshot.ref(ingress)
    names = sorted(item.name for item in snapshot.all(IngressClass))
    like = nearest(name, names)
    known = (", ".join(names) or "none") + (f": was {like} meant?" if like else ".")
    return Finding.of(
        analyzer=ID,
        reason="IngressClassNotFound",
        ref=ref,
        title=f"{ref} names IngressClass {name}, which does not exist",
        severity=Severity.WARNING if has_address else Severity.CRITICAL,
        confidence=0.9,
        cause=f"No controller serves an Ingress of a class that is not there. The cluster's classes: {known}",
        evidence=(Evidence.of(ref, "spec", f"ingressClassName: {name}", locator="spec.ingressClassName"),),
        remedies=(
            kubectl.read("See the classes", "get ingressclasses"),
            kubectl.edit(ref, "Name a class that exists"),
        ),
        points_at=(snapshot.named("IngressClass", "", name),),
    )


def _no_class(snapshot: Snapshot, ingress: Ingress) -> Finding:
    ref = snapshot.ref(ingress)
    known = ", ".join(sorted(item.name for item in snapshot.all(IngressClass)))
    # Where there are no classes, a controller that takes every Ingress may run; from here that cannot be told.
    return Finding.of(
        analyzer=ID,
        reason="NoIngressClass",
        ref=ref,
        title=f"{ref} names no class, and the cluster has no default one",
        severity=Severity.WARNING if known else Severity.INFO,
        confidence=0.8 if known else 0.5,
        cause=f"Most controllers serve only their own class. The cluster's classes: {known or 'none'}.",
        evidence=(Evidence.of(ref, "spec", "no ingressClassName", locator="spec.ingressClassName"),),
        remedies=(kubectl.read("See the classes", "get ingressclasses"), kubectl.edit(ref, "Name a class")),
    )


def _no_address(snapshot: Snapshot, ingress: Ingress) -> Finding:
    ref, ingress_class = snapshot.ref(ingress), class_of(snapshot, ingress)
    if ingress_class is not None and _is_unserved(snapshot, ingress_class):
        return _no_controller(snapshot, ingress, ingress_class)
    return Finding.of(
        analyzer=ID,
        reason="NoAddress",
        ref=ref,
        title=f"{ref} has no address yet",
        severity=Severity.INFO,
        confidence=0.5,
        cause="The controller of its class has published none; it may not run, or be told not to publish.",
        evidence=(Evidence.of(ref, "status", "status.loadBalancer is empty", locator="status.loadBalancer"),),
        remedies=(kubectl.describe(ref),),
    )


def _is_unserved(snapshot: Snapshot, ingress_class: IngressClass) -> bool:
    """Whether nothing in the whole cluster looks like the controller of that class, nor has it ever served."""
    others = (item for item in snapshot.all(Ingress) if class_of(snapshot, item) == ingress_class)
    return (
        snapshot.namespace is None
        and snapshot.was_read(Pod)
        and not is_outside(ingress_class)
        and not controller_pods(snapshot, ingress_class)
        and not any(item.status.load_balancer.ingress for item in others)
    )


def _no_controller(snapshot: Snapshot, ingress: Ingress, ingress_class: IngressClass) -> Finding:
    ref, controller = snapshot.ref(ingress), ingress_class.spec.controller
    return Finding.of(
        analyzer=ID,
        reason="IngressControllerNotFound",
        ref=ref,
        title=f"{ref} has no address: no pod looks like {controller}, the controller of class {ingress_class.name}",
        severity=Severity.WARNING,
        confidence=0.7,
        cause=f"IngressClass {ingress_class.name} exists, but nobody serves it: no pod of the cluster bears the name "
        f"of {controller}, and no Ingress of the class has an address.",
        evidence=(
            Evidence.of(ref, "status", "status.loadBalancer is empty", locator="status.loadBalancer"),
            Evidence.of(snapshot.ref(ingress_class), "spec", f"controller: {controller}", locator="spec.controller"),
        ),
        remedies=(
            kubectl.describe(snapshot.ref(ingress_class)),
            kubectl.read("Look for the controller", "get deployments,daemonsets -A"),
        ),
        points_at=(snapshot.ref(ingress_class),),
    )


def _controller_down(snapshot: Snapshot, ingress: Ingress) -> Iterator[Finding]:
    """A controller none of whose pods is ready, so that nothing comes in, whatever address the Ingress has."""
    ingress_class = class_of(snapshot, ingress)
    pods = controller_pods(snapshot, ingress_class) if ingress_class and not is_outside(ingress_class) else ()
    if not pods or any(pod.is_ready for pod in pods) or not late_pods(snapshot, pods):
        return
    ref, workloads = snapshot.ref(ingress), workloads_of(snapshot, pods)
    names = ", ".join(str(item) for item in workloads[:2])
    yield Finding.of(
        analyzer=ID,
        reason="IngressControllerNotReady",
        ref=ref,
        title=f"{ref} is served by {names}, which has no ready pod",
        severity=Severity.CRITICAL,
        confidence=0.6,
        cause=f"Requests reach an Ingress by its controller, and none of the "
        f"{len(pods)} pods that look like it is ready.",
        evidence=pod_evidence(snapshot, pods),
        remedies=tuple(kubectl.describe(item) for item in workloads[:2]),
        points_at=workloads,
        is_symptom=True,
    )


def _defaults(snapshot: Snapshot) -> Iterator[Finding]:
    """Several default classes, for which the API server refuses every Ingress that names none.

    Source: plugin/pkg/admission/network/defaultingressclass/admission.go
    """
    defaults = sorted(item.name for item in snapshot.all(IngressClass) if item.is_default)
    if len(defaults) < 2:
        return
    ref = snapshot.named("IngressClass", "", defaults[0])
    yield Finding.of(
        analyzer=ID,
        reason="SeveralDefaultClasses",
        ref=ref,
        title=f"IngressClasses {', '.join(defaults)} are all the default one",
        severity=Severity.WARNING,
        confidence=0.95,
        cause="The API server refuses new Ingresses that name no class while there is more than one default.",
        evidence=tuple(
            Evidence.of(
                snapshot.named("IngressClass", "", name),
                "spec",
                f"{name} is marked as the default class",
                locator="metadata.annotations[ingressclass.kubernetes.io/is-default-class]",
            )
            for name in defaults[:3]
        ),
        remedies=(
            kubectl.read("See the classes", "get ingressclasses"),
            kubectl.write(
                "Keep one of them",
                f"annotate ingressclass {defaults[-1]} ingressclass.kubernetes.io/is-default-class-",
            ),
        ),
    )


plugin = AnalyzerPlugin(id=ID, title="Classes of Ingresses and their controllers", analyze=analyze)
