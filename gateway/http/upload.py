"""Owns how a file arrives: of a type that is taken, piece by piece, hashed on the way, and never held whole.

Knows no format; whoever reads the pieces knows how large the file may be.
Source: rules API-2, API-3, API-4, API-8; RFC 9110 §8.3 (Content-Type).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from aiohttp import web

from gateway.errors import GatewayError
from gateway.http.call import Call
from gateway.http.parsing import idempotency_key
from gateway.http.route import scope_of
from gateway.store.protocol import IdempotencyKeyReused
from gateway.store.rows import IdempotencyKey, StoredAnswer

_READ_ERRORS = (web.PayloadAccessError, web.RequestPayloadError, ConnectionError)
"""The last when the client is gone: nobody reads the answer, and it is no defect of ours."""


class Upload:
    """The body of one request as a file. ``media_type`` is one of those offered, ``charset`` as it was said."""

    def __init__(self, call: Call, media_types: Sequence[str]) -> None:
        self._call = call
        self._hash = hashlib.sha256(call.request.rel_url.raw_query_string.encode() + b"\n")
        kind = call.request.content_type
        coding = call.request.headers.get("Content-Encoding", "identity").lower()
        if kind not in media_types or coding != "identity":
            raise GatewayError(
                "unsupported_media_type",
                f"Send Content-Type: {', '.join(media_types)}, uncompressed.",
                headers={"Accept": ", ".join(media_types)},
                hint="Send the file itself with the Content-Type of its format.",
            )
        self.media_type = kind
        self.charset = call.request.charset

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the octets as they come.

        Raises:
            GatewayError: ``malformed_http`` when they stop coming, or are framed wrongly.
        """
        content = self._call.request.content
        try:
            while True:
                async with asyncio.timeout(self._call.services.settings.body_timeout_s):
                    chunk = await content.readany()
                if not chunk:
                    return
                self._hash.update(chunk)
                yield chunk
        except TimeoutError:
            raise _broken("No more of the file came for some time. Send it again.") from None
        except _READ_ERRORS:
            raise _broken("The body is not framed as HTTP says. Use an HTTP library.") from None

    async def whole(self, limit_octets: int) -> bytes:
        """Read a small file whole; one octet more than the limit is given where it is longer."""
        octets = bytearray()
        async for chunk in self.chunks():
            octets += chunk
            if len(octets) > limit_octets:
                return bytes(octets[: limit_octets + 1])
        return bytes(octets)

    # ------------------------------------------------------------------ idempotency

    async def answered(self) -> StoredAnswer | None:
        """Find the answer that the same file with the same Idempotency-Key had; only then the file is read here.

        Raises:
            GatewayError: ``idempotency_key_invalid``; IdempotencyKeyReused: it came before with another file.
        """
        key = self._key()
        if key is None:
            return None
        try:
            await self._call.services.store.answered(key)
        except IdempotencyKeyReused:
            async for _ in self.chunks():
                pass
            return await self._call.services.store.answered(self._sealed(key))
        return None

    async def keep_answer(self, answer: StoredAnswer) -> None:
        """Remember the answer for a repetition; call it when the file was read to its end."""
        key = self._key()
        if key is not None:
            await self._call.services.store.keep_answer(self._sealed(key), answer)

    def _key(self) -> IdempotencyKey | None:
        """The key of the request, with a fingerprint that no file has."""
        header = self._call.request.headers.get("Idempotency-Key")
        return None if header is None else IdempotencyKey(scope_of(self._call), idempotency_key(header), "")

    def _sealed(self, key: IdempotencyKey) -> IdempotencyKey:
        return replace(key, fingerprint=self._hash.hexdigest())


def _broken(detail: str) -> GatewayError:
    return GatewayError("malformed_http", detail, headers={"Connection": "close"})
