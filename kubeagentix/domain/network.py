"""How traffic finds pods: Services, endpoints, Ingresses, the Gateway API and policies."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import (
    Condition,
    IntOrString,
    LabelSelector,
    ObjectReference,
    Resource,
    TrackedResource,
    Value,
)


class ServicePort(Value, frozen=True):
    """`spec.ports[]` of a Service. `target_port` is None where the server fills in `port`."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: IntOrString | None = None
    node_port: int = 0


class ServiceSpec(Value, frozen=True):
    """`spec` of a Service."""

    type: str = "ClusterIP"
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(default="", name="clusterIP")
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = ""
    external_traffic_policy: str = ""
    load_balancer_class: str = ""


class LoadBalancerIngress(Value, frozen=True):
    """`status.loadBalancer.ingress[]`."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Value, frozen=True):
    """`status.loadBalancer`."""

    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Value, frozen=True):
    """`status` of a Service, and of an Ingress."""

    load_balancer: LoadBalancerStatus = field(default_factory=LoadBalancerStatus)
    conditions: tuple[Condition, ...] = ()


class Service(TrackedResource, frozen=True):
    """A Service."""

    kind: ClassVar[str] = "Service"
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)


class EndpointConditions(Value, frozen=True):
    """`endpoints[].conditions`; None is to be read as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Value, frozen=True):
    """`endpoints[]`."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    target_ref: ObjectReference | None = None
    node_name: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether traffic is sent there."""
        return self.conditions.ready is not False


class EndpointPort(Value, frozen=True):
    """`ports[]` of an EndpointSlice."""

    name: str = ""
    port: int | None = None
    protocol: str = "TCP"


class EndpointSlice(Resource, frozen=True):
    """An EndpointSlice (discovery.k8s.io/v1, or v1beta1 of the same shape)."""

    kind: ClassVar[str] = "EndpointSlice"
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()

    @property
    def service_name(self) -> str:
        """The Service it belongs to, by its label."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")


class IngressServicePort(Value, frozen=True):
    """`backend.service.port`."""

    name: str = ""
    number: int = 0


class IngressServiceBackend(Value, frozen=True):
    """`backend.service`."""

    name: str = ""
    port: IngressServicePort = field(default_factory=IngressServicePort)


class IngressBackend(Value, frozen=True):
    """`backend` of a path, or `defaultBackend`."""

    service: IngressServiceBackend | None = None
    resource: ObjectReference | None = None


class IngressPath(Value, frozen=True):
    """`paths[]`."""

    path: str = ""
    path_type: str = ""
    backend: IngressBackend = field(default_factory=IngressBackend)


class IngressHttp(Value, frozen=True):
    """`rules[].http`."""

    paths: tuple[IngressPath, ...] = ()


class IngressRule(Value, frozen=True):
    """`spec.rules[]`."""

    host: str = ""
    http: IngressHttp = field(default_factory=IngressHttp)


class IngressTls(Value, frozen=True):
    """`spec.tls[]`."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Value, frozen=True):
    """`spec` of an Ingress."""

    ingress_class_name: str = ""
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTls, ...] = ()


class Ingress(TrackedResource, frozen=True):
    """An Ingress (networking.k8s.io/v1)."""

    kind: ClassVar[str] = "Ingress"
    spec: IngressSpec = field(default_factory=IngressSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)


class IngressClassSpec(Value, frozen=True):
    """`spec` of an IngressClass."""

    controller: str = ""


class IngressClass(Resource, frozen=True):
    """An IngressClass."""

    kind: ClassVar[str] = "IngressClass"
    spec: IngressClassSpec = field(default_factory=IngressClassSpec)

    @property
    def is_default(self) -> bool:
        """Whether Ingresses that name no class get this one."""
        return self.metadata.annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"


class PolicyPort(Value, frozen=True):
    """`ports[]` of a policy rule."""

    protocol: str = "TCP"
    port: IntOrString | None = None
    end_port: int | None = None


class IpBlock(Value, frozen=True):
    """`ipBlock`."""

    cidr: str = ""
    except_: tuple[str, ...] = field(default=(), name="except")


class PolicyPeer(Value, frozen=True):
    """`from[]` or `to[]`."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None


class IngressPolicyRule(Value, frozen=True):
    """`spec.ingress[]` of a NetworkPolicy."""

    from_: tuple[PolicyPeer, ...] = field(default=(), name="from")
    ports: tuple[PolicyPort, ...] = ()


class EgressPolicyRule(Value, frozen=True):
    """`spec.egress[]` of a NetworkPolicy."""

    to: tuple[PolicyPeer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicySpec(Value, frozen=True):
    """`spec` of a NetworkPolicy. An empty `pod_selector` selects every pod of the namespace."""

    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    policy_types: tuple[str, ...] = ()
    ingress: tuple[IngressPolicyRule, ...] = ()
    egress: tuple[EgressPolicyRule, ...] = ()


class NetworkPolicy(TrackedResource, frozen=True):
    """A NetworkPolicy."""

    kind: ClassVar[str] = "NetworkPolicy"
    spec: NetworkPolicySpec = field(default_factory=NetworkPolicySpec)


class GatewayClassSpec(Value, frozen=True):
    """`spec` of a GatewayClass."""

    controller_name: str = ""


class ConditionsStatus(Value, frozen=True):
    """A status of which only the conditions are read."""

    conditions: tuple[Condition, ...] = ()


class GatewayClass(Resource, frozen=True):
    """A GatewayClass (gateway.networking.k8s.io)."""

    kind: ClassVar[str] = "GatewayClass"
    spec: GatewayClassSpec = field(default_factory=GatewayClassSpec)
    status: ConditionsStatus = field(default_factory=ConditionsStatus)


class ListenerNamespaces(Value, frozen=True):
    """`allowedRoutes.namespaces`."""

    from_: str = field(default="Same", name="from")
    selector: LabelSelector | None = None


class AllowedRoutes(Value, frozen=True):
    """`listeners[].allowedRoutes`."""

    namespaces: ListenerNamespaces = field(default_factory=ListenerNamespaces)


class CertificateReference(Value, frozen=True):
    """`tls.certificateRefs[]`; an empty kind is Secret."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class ListenerTls(Value, frozen=True):
    """`tls` of a listener."""

    certificate_refs: tuple[CertificateReference, ...] = ()


class Listener(Value, frozen=True):
    """`spec.listeners[]` of a Gateway."""

    name: str = ""
    port: int = 0
    protocol: str = ""
    hostname: str = ""
    allowed_routes: AllowedRoutes = field(default_factory=AllowedRoutes)
    tls: ListenerTls | None = None


class ListenerStatus(Value, frozen=True):
    """`status.listeners[]` of a Gateway."""

    name: str = ""
    attached_routes: int = 0
    conditions: tuple[Condition, ...] = ()


class GatewaySpec(Value, frozen=True):
    """`spec` of a Gateway."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] = ()


class GatewayStatus(Value, frozen=True):
    """`status` of a Gateway."""

    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()


class Gateway(Resource, frozen=True):
    """A Gateway (gateway.networking.k8s.io)."""

    kind: ClassVar[str] = "Gateway"
    spec: GatewaySpec = field(default_factory=GatewaySpec)
    status: GatewayStatus = field(default_factory=GatewayStatus)


class RouteReference(Value, frozen=True):
    """`parentRefs[]` or `backendRefs[]`; an empty kind is Gateway for parents and Service for backends."""

    group: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    section_name: str = ""
    port: int | None = None


class RouteRule(Value, frozen=True):
    """`spec.rules[]` of an HTTPRoute."""

    backend_refs: tuple[RouteReference, ...] = ()


class HttpRouteSpec(Value, frozen=True):
    """`spec` of an HTTPRoute."""

    parent_refs: tuple[RouteReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class RouteParentStatus(Value, frozen=True):
    """`status.parents[]` of an HTTPRoute."""

    parent_ref: RouteReference = field(default_factory=RouteReference)
    conditions: tuple[Condition, ...] = ()


class HttpRouteStatus(Value, frozen=True):
    """`status` of an HTTPRoute."""

    parents: tuple[RouteParentStatus, ...] = ()


class HTTPRoute(Resource, frozen=True):
    """An HTTPRoute (gateway.networking.k8s.io)."""

    kind: ClassVar[str] = "HTTPRoute"
    spec: HttpRouteSpec = field(default_factory=HttpRouteSpec)
    status: HttpRouteStatus = field(default_factory=HttpRouteStatus)


class GRPCRoute(HTTPRoute, frozen=True):
    """A GRPCRoute, of which the same fields are read as of an HTTPRoute."""

    kind: ClassVar[str] = "GRPCRoute"


class GrantSource(Value, frozen=True):
    """`spec.from[]` of a ReferenceGrant."""

    kind: str = ""
    namespace: str = ""


class GrantTarget(Value, frozen=True):
    """`spec.to[]` of a ReferenceGrant; an empty name is any."""

    kind: str = ""
    name: str = ""


class GrantSpec(Value, frozen=True):
    """`spec` of a ReferenceGrant."""

    from_: tuple[GrantSource, ...] = field(default=(), name="from")
    to: tuple[GrantTarget, ...] = ()


class ReferenceGrant(Resource, frozen=True):
    """A ReferenceGrant (gateway.networking.k8s.io): who may refer to objects of its namespace."""

    kind: ClassVar[str] = "ReferenceGrant"
    spec: GrantSpec = field(default_factory=GrantSpec)
