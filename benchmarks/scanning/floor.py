"""The floor: the lists that Quick Dx reads, page by page over urllib3, decoded into this package's projections."""

from __future__ import annotations

import base64
import gc
import ssl
import sys
from pathlib import Path
from typing import Any

import urllib3
import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.scanning.measuring import PAGE_SIZE, tell
from kubeagentix.cluster.discovery import list_path
from kubeagentix.cluster.projections import page_decoder
from kubeagentix.domain.resources import KINDS


def floor(kubeconfig: Path) -> dict[str, Any]:
    """Bytes and objects of the bare lists, all kept until the end, the garbage collector off."""
    gc.disable()
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trusted = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    pool = urllib3.PoolManager(ssl_context=trusted)
    headers = {"Authorization": f"Bearer {user['token']}", "Accept": "application/json"}
    raw_bytes, kept = 0, []
    for kind in KINDS.values():
        url, token = f"{cluster['server']}{list_path(kind, kind.versions[0], None)}?limit={PAGE_SIZE}", ""
        while True:
            answer = pool.request("GET", f"{url}&continue={token}" if token else url, headers=headers)
            if answer.status != 200:  # an add-on's kind that is not served
                break
            page = page_decoder(kind).decode(answer.data)
            raw_bytes += len(answer.data)
            kept.append(page.items)
            token = page.metadata.continue_
            if not token:
                break
    return {"raw_bytes": raw_bytes, "objects": sum(map(len, kept))}


if __name__ == "__main__":
    tell(floor)
