"""Owns the three headers that let a receiver prove where a request came from.

Refuses to know what the body says: it signs the octets that are sent.
Source: Standard Webhooks 1.0.0, *Signature scheme*; rules WHK-1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix that the standard gives to secrets, not one


class SecretUnusable(ValueError):
    """A signing secret is not ``whsec_`` and base64; the text never shows it."""


def signed_headers(secrets: Sequence[str], event_id: str, at_ms: int, body: bytes) -> dict[str, str]:
    """Sign ``body`` with every secret, so that during a rotation the old and the new one both verify.

    Args:
        secrets: ``whsec_…``, newest first, at least one.
        event_id: Becomes ``webhook-id``; the same on every try.
        at_ms: UTC ms of this try; sent in whole seconds.

    Raises:
        SecretUnusable: a secret cannot be decoded, or there is none.
    """
    if not secrets:
        raise SecretUnusable("the webhook has no signing secret that can be read: rotate it")
    at_s = str(at_ms // 1000)
    content = b".".join((event_id.encode(), at_s.encode(), body))
    signatures = " ".join(f"v1,{_signature(secret, content)}" for secret in secrets)
    return {"webhook-id": event_id, "webhook-timestamp": at_s, "webhook-signature": signatures}


def _signature(secret: str, content: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX) + "==")
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise SecretUnusable("a signing secret is not whsec_ and base64: rotate it")
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
