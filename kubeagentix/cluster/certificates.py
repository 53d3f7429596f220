"""Certificates and keys that stand in a kubeconfig, made ready for TLS without being left on the disk.

OpenSSL reads a client certificate and its key from files only, so these are there while they are loaded, and no
longer; the official loader would keep them in the temporary folder until the program ends, or is killed.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import urllib3

AUTHORITY = "certificate-authority"
CERTIFICATE, KEY = "client-certificate", "client-key"


def split(entry: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(an entry of a kubeconfig without what is given as `…-data`, that as bytes). Raises binascii.Error."""
    given = {name: entry.get(f"{name}-data") for name in (AUTHORITY, CERTIFICATE, KEY)}
    data = {name: base64.b64decode(str(value)) for name, value in given.items() if value}
    left_out = {*(f"{name}-data" for name in given), *data}  # data go before a file of the same
    return {key: value for key, value in entry.items() if key not in left_out}, data


def use_client_certificate(pool: urllib3.PoolManager, data: Mapping[str, bytes], user: Mapping[str, Any]) -> None:
    """Have the pool's connections show a certificate of which a part is in `data`, the rest in files of `user`.

    Raises ssl.SSLError where the certificate or key is none, or they do not belong together, and OSError.
    """
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415  80 ms to import

    settings = pool.connection_pool_kw
    context = create_urllib3_context(cert_reqs=settings["cert_reqs"])
    if not settings.get("ca_certs") and not settings.get("ca_cert_data"):
        context.load_default_certs()  # as urllib3 does for contexts of its own
    with tempfile.TemporaryDirectory(prefix="kubeagentix-") as folder:  # readable by its owner only
        context.load_cert_chain(*(_file(Path(folder), name, data, user) for name in (CERTIFICATE, KEY)))
    settings.update(ssl_context=context, cert_file=None, key_file=None)


def _file(folder: Path, name: str, data: Mapping[str, bytes], user: Mapping[str, Any]) -> str:
    if name not in data:
        return str(user.get(name) or "")
    file = folder / name
    file.write_bytes(data[name])
    return str(file)
