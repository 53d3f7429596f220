"""The same lists as objects of the official client's models (plain data where it has no model)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.scanning.measuring import PAGE_SIZE, tell
from kubeagentix.domain.resources import KINDS, Kind


def typed(kubeconfig: Path) -> dict[str, Any]:
    """How many objects; and the kinds of which the models refuse an object, which ends their list."""
    api_client = config.new_client_from_config(str(kubeconfig))
    kept, refused = [], []
    for kind in KINDS.values():
        method, token = list_method(api_client, kind), ""
        while True:
            try:
                page = method(limit=PAGE_SIZE, **({"_continue": token} if token else {}))
            except client.ApiException:  # an add-on's kind that is not served
                break
            except ValueError as error:
                refused.append(f"{kind.name}: {str(error)[:80]}")
                break
            is_plain = isinstance(page, dict)
            kept.append(page["items"] if is_plain else page.items)
            token = page["metadata"].get("continue", "") if is_plain else page.metadata._continue
            if not token:
                break
    return {"objects": sum(map(len, kept)), "refused": refused}


def list_method(api_client: client.ApiClient, kind: Kind) -> Callable[..., Any]:
    """What lists all objects of a kind in all namespaces."""
    version = kind.versions[0]
    group = "".join(part.capitalize() for part in kind.group.removesuffix(".k8s.io").split(".")) or "Core"
    api = getattr(client, f"{group}{version.capitalize()}Api", None)
    if api is None:
        custom = client.CustomObjectsApi(api_client)
        return lambda **given: custom.list_cluster_custom_object(kind.group, version, kind.plural, **given)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.name.replace("API", "Api")).lower()
    suffix = "_for_all_namespaces" if kind.is_namespaced else ""
    method: Callable[..., Any] = getattr(api(api_client), f"list_{words}{suffix}")
    return method


if __name__ == "__main__":
    tell(typed)
