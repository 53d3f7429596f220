"""Credentials that are known by their form, wherever they stand: keys and tokens whose makers gave them a prefix.

Source: the rules of gitleaks (github.com/gitleaks/gitleaks, config/gitleaks.toml), which follow what the makers
publish; lengths are taken as lower bounds, as makers lengthen their tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from kubeagentix.recognition.literals import any_of

Span = tuple[int, int]

_HEX32 = "[0-9a-fA-F]{32}"
# prefix -> the whole, from the prefix on. Prefixes that no word holds need no boundary before them.
_STRONG = {
    "ghp_": r"ghp_[A-Za-z0-9]{20,}",
    "gho_": r"gho_[A-Za-z0-9]{20,}",
    "ghu_": r"ghu_[A-Za-z0-9]{20,}",
    "ghs_": r"ghs_[A-Za-z0-9]{20,}",
    "ghr_": r"ghr_[A-Za-z0-9]{20,}",
    "github_pat_": r"github_pat_\w{20,}",
    "glpat-": r"glpat-[\w-]{16,}(?:\.[\w-]+)*",
    "gldt-": r"gldt-[\w-]{16,}",
    "glrt-": r"glrt-[\w-]{16,}(?:\.[\w-]+)*",
    "glptt-": r"glptt-[\w-]{16,}",
    "glcbt-": r"glcbt-[\w-]{16,}",
    "glsoat-": r"glsoat-[\w-]{16,}",
    "glft-": r"glft-[\w-]{16,}",
    "glimt-": r"glimt-[\w-]{16,}",
    "glagent-": r"glagent-[\w-]{16,}",
    "gloas-": r"gloas-[\w-]{16,}",
    "glffct-": r"glffct-[\w-]{16,}",
    "GR1348941": r"GR1348941[\w-]{16,}",
    "xox": r"xox[abcdeoprs]-[\w-]{10,}",
    "xapp-": r"xapp-\d-[\w-]{10,}",
    "AKIA": r"AKIA[0-9A-Z]{16}",
    "ASIA": r"ASIA[0-9A-Z]{16}",
    "ABIA": r"ABIA[0-9A-Z]{16}",
    "ACCA": r"ACCA[0-9A-Z]{16}",
    "ABSK": r"ABSK[A-Za-z0-9+/]{60,}={0,2}",
    "bedrock-api-key-": r"bedrock-api-key-[\w+/=-]{16,}",
    "LTAI": r"LTAI[A-Za-z0-9]{12,24}(?![A-Za-z0-9])",
    "AIza": r"AIza[\w-]{30,}",
    "ya29.": r"ya29\.[\w-]{20,}",
    "GOCSPX-": r"GOCSPX-[\w-]{20,}",
    "npm_": r"npm_[A-Za-z0-9]{30,}",
    "dckr_": r"dckr_(?:pat|oat)_[\w-]{20,}",
    "hvs.": r"hvs\.[\w-]{20,}",
    "hvb.": r"hvb\.[\w-]{20,}",
    "hvr.": r"hvr\.[\w-]{20,}",
    "sk_live_": r"sk_live_\w{10,}",
    "sk_test_": r"sk_test_\w{10,}",
    "rk_live_": r"rk_live_\w{10,}",
    "rk_test_": r"rk_test_\w{10,}",
    "whsec_": r"whsec_[\w+/=]{16,}",
    "api_org_": r"api_org_[A-Za-z]{30,}",
    "dop_v1_": r"dop_v1_[a-f0-9]{40,}",
    "doo_v1_": r"doo_v1_[a-f0-9]{40,}",
    "dor_v1_": r"dor_v1_[a-f0-9]{40,}",
    "shpat_": r"shpat_\w{20,}",
    "shpss_": r"shpss_\w{20,}",
    "shpca_": r"shpca_\w{20,}",
    "shppa_": r"shppa_\w{20,}",
    "glc_": r"glc_[\w+/]{30,}={0,3}",
    "glsa_": r"glsa_\w{30,}",
    "pypi-AgE": r"pypi-AgE[\w-]{40,}",
    "rubygems_": r"rubygems_[a-f0-9]{40,}",
    "lin_api_": r"lin_api_\w{30,}",
    "ntn_": r"ntn_\d{8,}\w{30,}",
    "PMAK-": r"PMAK-[a-f0-9]{20,}-[a-f0-9]{20,}",
    "dp.pt.": r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}",
    "dp.st.": r"dp\.st\.[\w.-]{30,}",
    "dt0c01.": r"dt0c01\.[A-Z0-9]{20,}\.[A-Z0-9]{50,}",
    "HRKU-": r"HRKU-[\w-]{30,}",
    "NRAK-": r"NRAK-[A-Z0-9]{20,}",
    "NRII-": r"NRII-[\w-]{20,}",
    "sha256~": r"sha256~[\w-]{40,}",  # OpenShift
    "pplx-": r"pplx-[A-Za-z0-9]{40,}",
    "pscale_": r"pscale_(?:tkn|oauth|pw)_[\w=.-]{20,}",
    "sntrys_": r"sntrys_[\w+/=]{40,}",
    "sntryu_": r"sntryu_[a-f0-9]{40,}",
    "ATATT3": r"ATATT3[\w=-]{40,}",
    "ATCTT3": r"ATCTT3[\w=-]{40,}",
    "ATBB": r"ATBB[A-Za-z0-9]{28,}",
    "AGE-SECRET-KEY-1": r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    "ops_eyJ": r"ops_eyJ[\w+/=-]{40,}",
    "fo1_": r"fo1_[\w-]{40,}",
    "fm2_": r"fm2_[\w+/]{60,}={0,3}",
    "xkeysib-": r"xkeysib-[a-f0-9]{40,}-\w{10,}",
    "gsk_": r"gsk_[A-Za-z0-9]{40,}",
    "xai-": r"xai-[A-Za-z0-9]{60,}",
    "sq0atp-": r"sq0atp-[\w-]{20,}",
    "sq0csp-": r"sq0csp-[\w-]{20,}",
    "lsv2_": r"lsv2_(?:pt|sk)_\w{30,}",
    "sbp_": r"sbp_[a-f0-9]{40}",
    "CFPAT-": r"CFPAT-[\w-]{40,}",
    "figd_": r"figd_[\w-]{30,}",
    "EAAC": r"EAAC[A-Za-z0-9]{60,}",
    "EAAM": r"EAAM[A-Za-z0-9]{60,}",
    "access_token$": r"access_token\$\w+\$[0-9a-z]{16}\$[0-9a-f]{32}",
    "dapi": rf"dapi{_HEX32}(?:-\d)?",
    "$apr1$": r"\$apr1\$[\w./]{1,16}\$[\w./]{20,}",
    "$argon2": r"\$argon2(?:id|i|d)\$[\w$=,+/.-]{20,}",
    "pbkdf2_sha256$": r"pbkdf2_sha256\$\d+\$[\w+/=$]{20,}",
    "{SSHA": r"\{SSHA\d*\}[\w+/=]{20,}",
    "{SHA}": r"\{SHA\}[\w+/=]{20,}",
    "APA91b": r"APA91b[\w-]{60,}",
}
# What comes before them is no secret: addresses that are as good as a password.
_AFTER = {
    "hooks.slack.com/": r"(?:services|workflows|triggers)/[\w/-]{20,}",
    ".office.com/webhookb2/": r"[\w@-]{30,}/IncomingWebhook/[\w/-]{30,}",
    "/api/webhooks/": r"\d{10,}/[\w-]{30,}",
    "api.telegram.org/bot": r"\d{6,}:[\w-]{30,}",
    "::server:": r"[\w-]{8,}",  # k3s
}
# Prefixes that words may end with: there has to be a boundary before them.
_WEAK = {
    "sk-": r"sk-(?=[\w-]{0,200}\d)[\w-]{16,}",  # Anthropic, OpenAI and kin
    "SG.": r"SG\.[\w-]{16,}\.[\w-]{16,}",
    "SK": r"SK[0-9a-f]{32}(?!\w)",  # Twilio
    "hf_": r"hf_[A-Za-z0-9]{30,}",
    "r8_": r"r8_[A-Za-z0-9]{30,}",
    "pul-": r"pul-[a-f0-9]{40}",
    "key-": rf"key-{_HEX32}(?!\w)",  # Mailgun
    "API-": r"API-[A-Z0-9]{25,32}(?!\w)",  # Octopus
    "s.": r"s\.(?=[A-Za-z]{0,23}\d)(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}(?![\w.])",  # Vault before 1.10
    "pat": r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",  # Airtable
    "A3-": r"A3-[A-Z0-9]{6}-[A-Z0-9-]{20,}",  # 1Password
    "1//0": r"1//0[\w-]{30,}",  # Google, refresh tokens
    "$2": r"\$2[abxy]\$\d\d\$[\w./]{53}",  # bcrypt
    "$1$": r"\$1\$[\w./]{1,8}\$[\w./]{22}",
    "$5$": r"\$5\$(?:rounds=\d+\$)?[\w./]{1,16}\$[\w./]{43}",
    "$6$": r"\$6\$(?:rounds=\d+\$)?[\w./]{1,16}\$[\w./]{86}",
    "$y$": r"\$y\$[\w./]+\$[\w./]+\$[\w./]{40,}",
}
# Marks in the middle, and how the whole looks around them: how far before the mark it may begin, at most.
_MIDDLE = {
    "Q~": (4, r"[\w~.]{3}\dQ~[\w~.-]{31,34}"),  # Azure, client secrets
    ".atlasv1.": (14, r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}"),
}
LEAST_CHARS = 16  # no form is shorter
_JWT_MARK = "eyJ"
_JWT = re.compile(r"eyJ[\w-]++(?P<rest>(?:(?<=[\w-]{10})\.[\w-]{4,}+(?:\.[\w-]*+){0,3})?)", re.ASCII)
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2}|\\[nrt]|\\u[0-9a-f]{4})\Z")
_SHORT = 2000  # characters up to which one look for all prefixes is faster than one for each


@cache
def _compiled() -> tuple[tuple[tuple[str, int, re.Pattern[str], bool], ...], re.Pattern[str]]:
    """Each mark with where its expression begins, seen from it, and whether a boundary is needed; and all marks."""
    known = [(mark, 0, form, False) for mark, form in _STRONG.items()]
    known += [(mark, len(mark), form, False) for mark, form in _AFTER.items()]
    known += [(mark, 0, form, True) for mark, form in _WEAK.items()]
    known += [(mark, -before, form, False) for mark, (before, form) in _MIDDLE.items()]
    compiled = tuple((mark, shift, re.compile(form, re.ASCII), weak) for mark, shift, form, weak in known)
    return compiled, any_of(mark for mark, *_ in known)


def marks() -> tuple[str, ...]:
    """What every key or token of a known form holds one of."""
    return (_JWT_MARK, *(mark for mark, *_ in _compiled()[0]))


def spans(text: str) -> Iterator[Span]:
    """Where keys and tokens of a known form stand."""
    if len(text) < LEAST_CHARS:
        return
    yield from _jwts(text)
    known, any_mark = _compiled()
    if len(text) < _SHORT and any_mark.search(text) is None:
        return
    for mark, shift, form, is_weak in known:
        at = text.find(mark)
        while at >= 0:
            match = form.match(text, max(0, at + shift)) if not is_weak or _is_boundary(text, at) else None
            if match is not None:
                yield match.span()
            at = text.find(mark, max(at + 1, match.end() if match is not None else 0))


def _jwts(text: str) -> Iterator[Span]:
    """JSON Web Tokens, signed (three parts), encrypted (five) or cut off. Source: RFC 7515, RFC 7516."""
    at = text.find(_JWT_MARK)
    while at >= 0:
        match = _JWT.match(text, at)
        if match is not None and match["rest"]:
            yield match.span()
        at = text.find(_JWT_MARK, match.end() if match is not None else at + 3)


def _is_boundary(text: str, at: int) -> bool:
    if at == 0 or not (text[at - 1].isalnum() or text[at - 1] == "-"):
        return True
    return _ESCAPED.search(text, max(0, at - 6), at) is not None
