"""Passwords, tokens and cookies taken out of what is written down or shown.

A link is parsed, whatever its password is made of; headers, settings, options and JSON go by the names of their fields;
lines of a cookie file and tokens of known makers by their shape. What this process has been told to be a secret
(`remember`, and the environment) is hidden wherever it stands, in whatever form.

It is applied where text leaves: in `UserError`, in the event log and a job's status, in `Workspace.log`, in what a job
prints, in crash files, in what a check found, and in yt-dlp's logger.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import quote, unquote

HIDDEN = "[hidden]"

SPEECH = frozenset(("text", "reference", "hypothesis"))
"""Fields of results that hold what was said in a recording: it is nobody's secret, and never changed."""

TITLES = frozenset(("title", "channel"))

SHORTEST, LONGEST = 6, 4096
"""Characters of a secret that is hidden wherever it stands: a shorter one would be found inside words."""

MOST_REMEMBERED = 1000

# The last word of a name says what it holds: `hf_token` is a secret, `pad_token_id` is none. Then whole names without
# their dashes, what makes a key one, what is a secret as a link's parameter only, and words of prose behind a colon.
# fmt: off
_SECRET_WORDS = frozenset((
    "password", "passwd", "pwd", "passphrase", "passcode", "token", "secret", "secrets", "apikey", "authorization",
    "auth", "credential", "credentials", "cookie", "cookies", "jwt", "bearer", "twofactor", "otp", "pw", "pswd",
))
_SECRET_ENDINGS = (
    "password", "passwd", "passphrase", "token", "secret", "apikey", "accesskey", "authkey", "privatekey",
)
_IN_PARTS = ("authorization", "auth", "cookie", "cookies")
_KEY_OF = frozenset(("api", "access", "auth", "private", "secret", "signing", "license", "app"))
_ONLY_IN_LINKS = frozenset((
    "key", "sig", "lsig", "signature", "session", "sessionid", "jsessionid", "sid", "pass", "code", "hmac", "hdnts",
    "hdntl", "hdnea", "policy", "ticket",
))
_NO_VALUE = frozenset((
    "none", "null", "true", "false", "not", "no", "is", "was", "missing", "wrong", "invalid", "unknown", "unset",
    "empty", "required", "the", "a", "an", "of", "or", "and", "bearer", "basic", "token", "apikey",
))
# fmt: on

# JSON of other makers has `\/` for every slash.
_LINK = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30}:(?:\\?/){2})([^\s<>\"]+)")
_END_OF_AUTHORITY = re.compile(r"\\?[/?#]")
_PARAMETER = re.compile(r"([?&;#])([^=&;#?\s]{1,200})=([^&;#\s]*)")
_PARAMETER_NAME = re.compile(r"[?&;#]([^=&;#?\s]{1,200})=")
_ENCODED_TIMES = 4
_WITHOUT_SCHEME = re.compile(
    r"(?:(?<![\w/@.:-])|(?<=//))(?!mailto:)[^\s:@/\"'=\[\]]{1,100}:[^\s@/\"']{1,200}(?=@[\w-])"
)
_AUTHORIZATION = re.compile(
    r"(?i)((?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3})"
    r"([\"'])?(?:(bearer|basic|token|apikey)\s{1,3}[^\s\"',;}]+|(?(2)[^\"'\r\n]+|[^\s\"'][^\r\n]*))"
)
_COOKIE = re.compile(r"(?i)(\b(?:set-)?cookie2?[\"']?\s{0,3}[:=]\s{0,3}[\"']?)([^\s=;,\"']{1,200}=[^\r\n\"']*)")
_COOKIE_LINE = re.compile(
    r"((?:\b|(?<=\\t))(?:TRUE|FALSE)(?:\s|\\t)+[^\s\\]+(?:\s|\\t)+(?:TRUE|FALSE)(?:\s|\\t)+\d+(?:\s|\\t)+)[^\r\n]+"
)
_ASSIGNED = re.compile(
    r"(?<![A-Za-z0-9_.-])([A-Za-z][A-Za-z0-9_.-]{0,60})(\\?[\"']?\s{0,3}(?:[=:]|=>)\s{0,3})"
    r"(\\\"[^\"\\]{0,4096}\\\"|\"(?:\\.|[^\"\\]){0,4096}\"|'(?:\\.|[^'\\]){0,4096}'|[^\s,;&\"'<>)}\]]+|[\"'][^\"'\r\n]{1,4096})"
)  # the last: a text that is cut off inside the quotes
_NETRC = re.compile(r"(?i)(\blogin\s{1,3}\S{1,200}\s{1,3}password\s{1,3})\S+")
_OPTION = re.compile(r"(?<!\S)(--?[A-Za-z][A-Za-z0-9-]{0,60})([ =])([^\s\"']+|\"[^\"]*\"|'[^']*')")
_BEARER = re.compile(r"(?i)(\bbearer\s{1,3})((?=[A-Za-z._~+/=-]{0,200}[0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,})")
_BASIC = re.compile(r"(?i)(\bbasic\s{1,3})([A-Za-z0-9+/]{6,}={0,2})")
_TOKENS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{8,}|gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|sk-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?)"
)
REFERENCE = re.compile(r"hidden-([0-9a-f]{8})")
"""What stands in a link for a secret that is kept elsewhere, by its id (core/vault.py)."""

_remembered: dict[str, None] = {}
_guard = threading.Lock()


def redact(text: str) -> str:
    """The text with `[hidden]` in place of every secret. Takes linear time."""
    text = redact_links(_without(text, _known()))
    lower = text.lower()
    if "true" in lower or "false" in lower:
        text = _COOKIE_LINE.sub(rf"\1{HIDDEN}", text)
    if "authorization" in lower:
        text = _AUTHORIZATION.sub(_authorization, text)
    if "cookie" in lower:
        text = _COOKIE.sub(rf"\1{HIDDEN}", text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(_assigned, text)
    if "-" in text:
        text = _OPTION.sub(_option, text)
    if "bearer" in lower or "basic" in lower:
        text = _BASIC.sub(_basic, _BEARER.sub(rf"\1{HIDDEN}", text))
    if "login" in lower:
        text = _NETRC.sub(rf"\1{HIDDEN}", text)
    return _TOKENS.sub(HIDDEN, text)


def redact_title(text: str) -> str:
    """For names of recordings and channels, which are stored and nobody's to change: only what this process has been
    told to be a secret goes, and of that nothing which is a word or a number as titles have them."""
    return _without(text, (secret for secret in _known() if not _is_plain(secret)))


def redact_links(text: str, replaced: Callable[[str], str] = lambda secret: HIDDEN) -> str:
    """The text with the login and the secret parameters of its links replaced. replaced: given a secret, what stands
    for it."""

    def new(secret: str) -> str:
        known = not secret or secret == HIDDEN or REFERENCE.fullmatch(secret)
        return secret if known else replaced(secret)

    def parameter(found: re.Match[str]) -> str:
        mark, name, value = found.groups()
        return f"{mark}{name}={new(value)}" if _is_secret_parameter(name, value) else found[0]

    def link(found: re.Match[str]) -> str:
        scheme, rest = found.groups()
        end = _login_end(rest)
        login = f"{new(rest[:end])}@" if end >= 0 else ""
        return scheme + login + _PARAMETER.sub(parameter, rest[end + 1 :])

    if ":/" in text or ":\\/" in text:
        text = _LINK.sub(link, text)
    if "@" not in text:
        return text
    return _WITHOUT_SCHEME.sub(lambda found: found[0] if _LINK.search(found[0]) else new(found[0]), text)


def without_secrets(url: str) -> str:
    """The link without its login and its secret parameters: what may be published of it."""
    plain = _LINK.sub(lambda found: found[1] + found[2][_login_end(found[2]) + 1 :], url)
    kept = _PARAMETER.sub(lambda found: "" if _is_secret_parameter(found[2], found[3]) else found[0], plain)
    # What was the second parameter may be the first one now.
    return kept if "?" in kept or "&" not in kept or "?" not in plain else kept.replace("&", "?", 1)


def redact_values(value: Any) -> Any:
    """A value as JSON has them, with every text in it redacted, and what is kept under a secret's name hidden. Speech
    stays as it is."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _field(key, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(one) for one in value]
    return value


@lru_cache(1024)
def is_secret_name(name: str, *, in_link: bool = False) -> bool:
    """Whether a setting, header, option or parameter of this name holds a secret."""
    if name == "PWD":  # a shell's, where it is
        return False
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+", name)[-2:]
    last = words[-1].lower() if words else ""
    compact = re.sub(r"[^a-z0-9]", "", name.lower())
    return (
        last in _SECRET_WORDS
        or compact.endswith(_SECRET_ENDINGS)
        or (last == "key" and len(words) > 1 and words[0].lower() in _KEY_OF)
        or (in_link and (last in _ONLY_IN_LINKS or compact in _ONLY_IN_LINKS))
    )


def remember(secrets: Iterable[str]) -> None:
    """From now on these are hidden in this process wherever they stand: as they are, and as links write them."""
    with _guard:
        for secret in secrets:
            for form in dict.fromkeys((secret, unquote(secret), quote(secret, safe=""), _encoded_login(secret))):
                if SHORTEST <= len(form) <= LONGEST and form not in _remembered:
                    _remembered[form] = None
        while len(_remembered) > MOST_REMEMBERED:
            del _remembered[next(iter(_remembered))]


def secrets_in(value: Any, name: str = "") -> list[str]:
    """The secrets in settings: values under a secret's name, and logins and parameters of links."""
    if isinstance(value, Mapping):
        return [one for key, below in value.items() for one in secrets_in(below, str(key))]
    if isinstance(value, list | tuple):
        return [one for below in value for one in secrets_in(below, name)]
    text, found = str(value), []
    if is_secret_name(name) and isinstance(value, str | int) and not isinstance(value, bool):
        found.append(text)
        if name.lower().endswith(_IN_PARTS):
            # What a header holds beside the scheme; each cookie by itself.
            parts = (part.rpartition("=")[2] or part for part in re.split(r"[\s;]+", text))
            found += [part for part in parts if part.lower() not in _NO_VALUE]

    def take(secret: str) -> str:
        found.extend((secret, secret.partition(":")[2]))
        return HIDDEN

    redact_links(text, take)
    return found


def _is_secret_parameter(name: str, value: str) -> bool:
    """Of a link: also one whose value is a link, or the end of one, that holds a secret."""
    if is_secret_name(unquote(name), in_link=True):
        return True
    inner = value
    for _ in range(_ENCODED_TIMES):
        inner = unquote(inner)
    if inner == value:
        return False
    names = (found[1] for found in _PARAMETER_NAME.finditer(inner))
    return any(is_secret_name(one, in_link=True) for one in names) or any(
        _login_end(found[2]) >= 0 for found in _LINK.finditer(inner)
    )


def _login_end(rest: str) -> int:
    """Where the `@` behind the login stands in a link without its scheme; -1 for none."""
    end = found.start() if (found := _END_OF_AUTHORITY.search(rest)) else len(rest)
    authority = rest[:end]
    if (at := authority.rfind("@")) >= 0:
        return at
    port = authority.rpartition(":")[2] if ":" in authority and not authority.endswith("]") else ""
    if port.endswith("…"):
        return len(rest)  # the login was too long to be shown
    if port and not port.isdecimal() and "@" in rest:
        # A password with a slash in it, as nobody may write it and people do.
        return rest.rfind("@")
    return -1


def _authorization(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ''}{found[3] + ' ' if found[3] else ''}{HIDDEN}"


def _assigned(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    bare = value.strip("\\\"'")
    if not is_secret_name(name) or bare.startswith(HIDDEN[:-1]) or not bare:
        return found[0]
    if bare.startswith("<|"):  # eos_token and its like, which tokenizers tell of
        return found[0]
    is_plain = value == bare
    if is_plain and (bare.lower().rstrip(".,") in _NO_VALUE or (bare.isdecimal() and len(bare) < SHORTEST)):
        return found[0]
    mark = value[: len(value) - len(value.lstrip("\\\"'"))]
    return f"{name}{between}{mark}{HIDDEN}{mark}"


def _option(found: re.Match[str]) -> str:
    name, between, value = found.groups()
    return f"{name}{between}{HIDDEN}" if is_secret_name(name) and not value.startswith("-") else found[0]


def _basic(found: re.Match[str]) -> str:
    try:
        is_login = b":" in base64.b64decode(found[2], validate=True)
    except binascii.Error:
        is_login = False
    return f"{found[1]}{HIDDEN}" if is_login else found[0]


def _field(key: Any, value: Any) -> Any:
    if key in SPEECH:
        return value
    if key in TITLES and isinstance(value, str):
        return redact_title(value)
    if isinstance(value, str) and value and is_secret_name(str(key)):
        return HIDDEN
    return redact_values(value)


def _known() -> tuple[str, ...]:
    return (*_environment(), *_remembered)


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if secret in text:
            # A word or a number is part of much else: a date that is somebody's password stands in names of folders.
            text = _alone(secret).sub(HIDDEN, text) if _is_plain(secret) else text.replace(secret, HIDDEN)
    return text


def _is_plain(secret: str) -> bool:
    return secret.isalpha() or secret.isdecimal()


@lru_cache(256)
def _alone(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w/.-]){re.escape(secret)}(?![\w/-])")


def _encoded_login(secret: str) -> str:
    """As a Basic header has it."""
    return base64.b64encode(secret.encode("utf-8", "replace")).decode() if ":" in secret else ""


@cache
def _environment() -> tuple[str, ...]:
    """Secrets in this process's environment, as it was at the first look."""
    names = {name: value for name, value in os.environ.items() if len(value) >= SHORTEST}
    found = [one for name, value in names.items() for one in secrets_in(value, name)]
    return tuple(dict.fromkeys(one for one in found if SHORTEST <= len(one) <= LONGEST))
