"""Hugging Face: reachable, the token valid or not needed, offline mode."""

from __future__ import annotations

import time
from typing import Any

from core.checks.check import Answer, Context, fail, ok, warn
from core.checks.models import is_here, is_on_its_way
from core.text import clean

TIMEOUT_S = 2.5


def check_huggingface(context: Context) -> Answer:
    """Reachable or not is a fault only while a model is missing."""
    from core.models.hub import endpoint
    from core.models.problems import is_offline

    missing = [
        name
        for name in dict.fromkeys((context.config.model.base, context.config.model.labeller))
        if not is_here(name, context) and not is_on_its_way(name, context)
    ]
    if is_offline():
        if not missing:
            return ok("offline, as set; both models are here")
        why = f"HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set, and {missing[0]} is missing"
        return fail("switched off", why, "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE")
    address, token = endpoint(), _token()
    begun = time.monotonic()
    try:
        status = _ask(f"{address}/api/whoami-v2", token) if token else _ask(address, None)
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - httpx, requests and the system each have their own; all mean: not reached
        return _unreached(address, error, missing)
    took = f"reachable in {time.monotonic() - begun:.1f} s"
    at = "" if address == "https://huggingface.co" else f" at {address}"
    if not token:
        return ok(f"{took}{at}, no token (none needed)")
    if status in (401, 403):
        return warn(f"{took}{at}, the token is not valid", "private and gated models will be refused", "hf auth login")
    if status >= 400:
        return warn(f"{took}{at}, but it answers with {status}", "the hub has trouble, or is no hub", "try again later")
    return ok(f"{took}{at}, token valid")


def _unreached(address: str, error: Exception, missing: list[str]) -> Answer:
    why = clean(str(getattr(error, "reason", None) or error), 200) or type(error).__name__
    found = f"{address} is not reachable"
    if not missing:
        return warn(found, f"{why}; nothing is missing, so all but publishing works", "")
    return fail(found, why, "set HTTPS_PROXY, or HF_ENDPOINT to a mirror")


def _token() -> str | None:
    from huggingface_hub import get_token

    return get_token()


def _ask(url: str, token: str | None) -> int:
    """The status of one request, through huggingface_hub's own client: its proxies and certificates are the ones that
    a download will use."""
    from huggingface_hub.utils import get_session

    client: Any = get_session()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return int(client.get(url, headers=headers, timeout=TIMEOUT_S).status_code)
