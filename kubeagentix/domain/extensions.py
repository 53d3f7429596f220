"""What extends the API: definitions of kinds, their objects, aggregated APIs, and admission webhooks."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, cast

import msgspec
from msgspec import field

from kubeagentix.domain.meta import Condition, LabelSelector, Moment, ObjectReference, Resource, Value


class ServiceReference(Value, frozen=True):
    """The Service behind an aggregated API or a webhook, which is called on a path of it."""

    namespace: str = ""
    name: str = ""
    port: int = 443
    path: str = ""


class WebhookClientConfig(Value, frozen=True):
    """`clientConfig` of a webhook: a Service or a URL, and the authorities (PEM, in base64) of its certificate."""

    service: ServiceReference | None = None
    url: str = ""
    ca_bundle: str = ""


class AdmissionRules(Value, frozen=True):
    """`rules[]` of a webhook: what it is asked about."""

    operations: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class AdmissionWebhook(Value, frozen=True):
    """`webhooks[]` of a configuration, which may have several."""

    name: str = ""
    client_config: WebhookClientConfig = field(default_factory=WebhookClientConfig)
    failure_policy: str = "Fail"
    timeout_seconds: int = 10
    rules: tuple[AdmissionRules, ...] = ()
    namespace_selector: LabelSelector = field(default_factory=LabelSelector)
    object_selector: LabelSelector = field(default_factory=LabelSelector)


class WebhookConfiguration(Resource, frozen=True):
    """What both kinds of webhook configurations hold."""

    webhooks: tuple[AdmissionWebhook, ...] = ()


class ValidatingWebhookConfiguration(WebhookConfiguration, frozen=True):
    """A ValidatingWebhookConfiguration."""

    kind: ClassVar[str] = "ValidatingWebhookConfiguration"


class MutatingWebhookConfiguration(WebhookConfiguration, frozen=True):
    """A MutatingWebhookConfiguration."""

    kind: ClassVar[str] = "MutatingWebhookConfiguration"


class ConditionedStatus(Value, frozen=True):
    """`status` of which only the conditions are read."""

    conditions: tuple[Condition, ...] = ()


class APIServiceSpec(Value, frozen=True):
    """`spec` of an APIService. Without a Service, the API server itself serves the group."""

    group: str = ""
    version: str = ""
    service: ServiceReference | None = None


class APIService(Resource, frozen=True):
    """An APIService: which server answers for a version of an API group."""

    kind: ClassVar[str] = "APIService"
    spec: APIServiceSpec = field(default_factory=APIServiceSpec)
    status: ConditionedStatus = field(default_factory=ConditionedStatus)


class DefinitionNames(Value, frozen=True):
    """`spec.names` of a definition."""

    kind: str = ""
    plural: str = ""


class DefinitionVersion(Value, frozen=True):
    """`spec.versions[]`. `has_status`: whether its objects may have a status, as far as its schema tells."""

    name: str = ""
    served: bool = False
    storage: bool = False
    has_status: bool = True


class ConversionWebhook(Value, frozen=True):
    """`spec.conversion.webhook`."""

    client_config: WebhookClientConfig = field(default_factory=WebhookClientConfig)


class Conversion(Value, frozen=True):
    """`spec.conversion`: how objects get from one version to another."""

    strategy: str = "None"
    webhook: ConversionWebhook | None = None


class DefinitionSpec(Value, frozen=True):
    """`spec` of a CustomResourceDefinition."""

    group: str = ""
    scope: str = "Namespaced"
    names: DefinitionNames = field(default_factory=DefinitionNames)
    versions: tuple[DefinitionVersion, ...] = ()
    conversion: Conversion = field(default_factory=Conversion)


class CustomResourceDefinition(Resource, frozen=True):
    """A CustomResourceDefinition."""

    kind: ClassVar[str] = "CustomResourceDefinition"
    spec: DefinitionSpec = field(default_factory=DefinitionSpec)
    status: ConditionedStatus = field(default_factory=ConditionedStatus)


class CustomCondition(Condition, frozen=True):
    """A condition of a custom resource. `severity` is Knative's and Cluster API's: Info ones do not count."""

    severity: str = ""


class CustomStatus(Value, frozen=True):
    """What statuses of custom resources have in common: conditions, or a word for the state, and a message.

    `phase` is `status.phase` or `status.state`; `health` is `status.health` or its `status`; `connection` is that of
    an OLM catalog; `unhealthy` are the objects that the status itself lists as not healthy, as Argo CD's does.
    """

    conditions: tuple[CustomCondition, ...] = ()
    phase: str = ""
    health: str = ""
    connection: str = ""
    reason: str = ""
    message: str = ""
    observed_generation: int | None = None
    finished_at: Moment | None = None  # of what runs to its end
    unhealthy: tuple[ObjectReference, ...] = ()


class CustomSpec(Value, frozen=True):
    """What is read of any `spec`: whether it is suspended, what it refers to, and the Secrets that it is to make."""

    is_suspended: bool = False
    references: tuple[ObjectReference, ...] = ()
    secrets: tuple[str, ...] = ()


class CustomResource(Resource, frozen=True):
    """An object of a kind that a CustomResourceDefinition defines. Each kind is a type of its own: `custom_type`."""

    kind: ClassVar[str] = "CustomResource"
    group: ClassVar[str] = ""
    spec: CustomSpec = field(default_factory=CustomSpec)
    status: CustomStatus = field(default_factory=CustomStatus)


@cache
def custom_type(name: str, group: str) -> type[CustomResource]:
    """The type of one kind's objects. `name` is the kind, or `Kind.group` where another kind is called so."""
    made = msgspec.defstruct(name, [], bases=(CustomResource,), namespace={"kind": name, "group": group}, frozen=True)
    return cast("type[CustomResource]", made)
