"""What may be known of the certificates and pull credentials in Secrets: all but the keys and passwords themselves."""

from __future__ import annotations

import base64
import binascii

import msgspec

from kubeagentix.domain.storage import TlsCertificate

TLS_TYPE = "kubernetes.io/tls"
PULL_TYPES = {  # the types of pull secrets, and the key of each
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


class _Credentials(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class _DockerConfig(msgspec.Struct):
    auths: dict[str, _Credentials]


# Made on import, as threads must not meet a type for the first time together.
_JSON = msgspec.json.Decoder(_DockerConfig)
_OLD_JSON = msgspec.json.Decoder(dict[str, _Credentials])


def read_pair(certificate_pem: bytes, key_pem: bytes) -> tuple[TlsCertificate, bool | None]:
    """What a certificate says of itself, and whether that is its key (None: the key is not readable).

    Raises ValueError if the certificate is none.
    """
    from cryptography import x509  # noqa: PLC0415  40 ms to import, and few Secrets hold a certificate

    certificate = x509.load_pem_x509_certificate(certificate_pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns_names = ()
    read = TlsCertificate(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        dns_names=dns_names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
    return read, _is_key_of(certificate, key_pem)


def _is_key_of(certificate: object, key_pem: bytes) -> bool | None:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    assert isinstance(certificate, x509.Certificate)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        key = serialization.load_pem_private_key(key_pem, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):  # no PEM, or under a password
        return None
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def read_registries(secret_type: str, config: bytes) -> tuple[tuple[str, ...], str]:
    """The registries that a pull secret holds credentials for, and what is wrong with them, in words.

    Raises msgspec.DecodeError if it is no such file at all.
    """
    if not config:
        return (), ""
    is_old = PULL_TYPES[secret_type] == ".dockercfg"
    entries = _OLD_JSON.decode(config) if is_old else _JSON.decode(config).auths
    unusable = [name for name, entry in entries.items() if not _is_usable(entry)]
    return tuple(entries), f"its entry for {unusable[0]} holds no user and password" if unusable else ""


def _is_usable(entry: _Credentials) -> bool:
    if entry.identitytoken or entry.registrytoken or (entry.username and entry.password):
        return True
    try:
        user, colon, password = base64.b64decode(entry.auth, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return bool(user and colon and password)
