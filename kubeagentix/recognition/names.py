"""Which names stand for a credential: `DB_PASSWORD` and `apiKey` do, `secretName` and `tokenExpirationSeconds` do not.

A name is split into its words. One that stands for a credential, or two that do so together (`api key`), make it such a
name, unless the words after them turn it into something about it (its name, its file, when it expires).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Verdict = Literal["", "perhaps", "surely"]

MAX_CHARS = 120


def words_of(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CREDENTIALS = words_of(
    """
    password passwd passwort passphrase passcode pass pwd pw secret token credential credentials creds cred cookie
    jwt pat apikey apitoken accesskey secretkey privatekey authtoken accesstoken authkey dockerconfigjson dockercfg
    requirepass masterauth sharedaccesskey accountkey psk sessionid jsessionid phpsessid sid otp
    passkey kubeconfig pgpass dbpass sshpass userpass adminpass rootpass mysqlpass redispass smtppass mailpass ldappass
    """
)
_ENDINGS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "pwd",
)
_BEFORE_KEY = words_of(
    """
    api access private secret auth encryption encrypt decryption signing sign master account storage shared service
    client session license ssh rsa ecdsa ed25519 dsa gpg pgp hmac aes crypt crypto deploy app application consumer
    root admin write read subscription integration ingest insert cipher kms seal unseal sealing recovery wg
    wireguard cookie jwt webhook sas aws azure openai anthropic stripe sendgrid datadog dd github gitlab sentry
    newrelic algolia mapbox twilio mailgun instrumentation publishing activation django flask rails laravel
    """
)
_BEFORE_SECRET = words_of(
    """
    client jwt session app application shared hmac webhook cookie api consumer oauth oauth2 access signing
    encryption aws azure github gitlab slack hash token static inline
    """
)
# By themselves they name objects of Kubernetes, schemes and checksums as often as values.
_BARE = words_of(
    """
    secret auth pass pat bearer cred creds credential credentials otp sid psk pw
    """
)
# After it, a name is about a credential, and holds none.
_ABOUT = words_of(
    """
    name names file files filename path paths dir directory folder url uri urls endpoint host port ref refs
    reference from expiry expires expire expiration expirations seconds minutes hours days ms ttl timeout type types
    kind length size count counts total limit limits max min policy policies version versions enabled enable
    disabled required algorithm algo alg hashing mount mounts volume volumes namespace audience audiences status
    state error errors failure failures reset manager store stores provider providers class lifetime age rotation
    rotate budget usage used prompt format prefix suffix header field fields index config configuration controller
    operator driver request requests review reviews issuer subject account accounts id ids identifier at by in is
    not and or the exists validation validator validators hint service server generator sync secret secrets key keys
    source backend auth authentication authorizer signer cleaner cache rate per bucket buckets selector template
    reader writer list check update updated created changed rule rules hasher encoder projection label labels
    annotation annotations owner
    """
)
_QUALIFIERS = words_of(
    """
    value text base64 b64 plain plaintext raw encoded data string prod production dev development staging stage test
    testing primary secondary old new current previous backup main master replica admin root user db database app
    json hash base default live sandbox internal external global local env
    """
)


@lru_cache(maxsize=8192)
def verdict(name: str) -> Verdict:
    """Whether what is set to `name` is a credential: `surely`, `perhaps` (if its value looks like one), or not."""
    words = [word.lower() for word in _WORDS.findall(name[-MAX_CHARS:])]
    for place in range(len(words) - 1, -1, -1):
        if not _is_credential(words, place):
            continue
        after = words[place + 1 :]
        if any(word in _ABOUT for word in after):
            return "" if after[-1] in _ABOUT or after[0] in _ABOUT else "perhaps"
        if all(word in _QUALIFIERS or word.isdigit() for word in after):
            return "perhaps" if _is_often_a_reference(name, words, place) else "surely"
        return "perhaps"
    return ""


def _is_credential(words: list[str], place: int) -> bool:
    word, before = words[place], words[place - 1] if place else ""
    if word == "key":
        return before in _BEFORE_KEY
    if word in ("auth", "authorization", "bearer"):
        return len(words) == 1
    if word == "id":
        return before == "session"
    return word in _CREDENTIALS or (len(word) > 6 and word.endswith(_ENDINGS))


def _is_often_a_reference(name: str, words: list[str], place: int) -> bool:
    """In manifests `tlsSecret` or `credentials` name an object rather than hold a value; not so in variables."""
    word = words[place]
    if len(words) == 1:
        return word in _BARE
    if name.isupper():
        return False
    return word.startswith("cred") or (word == "secret" and words[place - 1] not in _BEFORE_SECRET)
