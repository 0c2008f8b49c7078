"""Owns the stream of a batch: octets of a file as they arrive, hashed on the way, and given on as rows.

Knows no format and no rule about recipients; memory does not grow with the file.
Source: rules API-3; the rows are :mod:`gateway.http.batch_files`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from gateway.batches import Addressee, Problem
from gateway.errors import FieldError, GatewayError
from gateway.http.batch_files import STREAMS, Columns, FileRows, too_large
from gateway.http.batch_models import StreamQuery
from gateway.intake.csv_rows import BLOCK_OCTETS
from gateway.intake.rows import LIMITS, IntakeRefused


class StreamEnded(Exception):
    """The file cannot be read on; ``error`` is the answer."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.detail)
        self.error = error


def is_stream(content_type: str | None) -> bool:
    """Say whether a body is a file of rows instead of JSON."""
    return _media(content_type) in STREAMS


def _media(content_type: str | None) -> str:
    return (content_type or "").split(";", 1)[0].strip().lower()


class Stream:
    """One file as it arrives. Iterate :meth:`rows` once, then ask for its fingerprint."""

    def __init__(self, request: web.Request, query: StreamQuery, silence_s: float) -> None:
        self._request = request
        self._query = query
        self._silence_s = silence_s
        self._sha = hashlib.sha256(request.rel_url.raw_query_string.encode())
        self._media = _media(request.headers.get("Content-Type"))
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise GatewayError(
                "unsupported_media_type",
                "Content-Encoding is not accepted. Send the file uncompressed.",
                headers={"Accept": ", ".join(STREAMS)},
            )
        if (request.content_length or 0) > LIMITS.file_octets:
            raise too_large()

    def fingerprint(self) -> str:
        """SHA-256 of the address's query and of all octets; known when the rows are read."""
        return self._sha.hexdigest()

    async def drain(self) -> None:
        """Read the file for its fingerprint only."""
        total = 0
        async for chunk in self._chunks():
            total += len(chunk)
            if total > LIMITS.file_octets:
                raise too_large()

    async def _chunks(self) -> AsyncIterator[bytes]:
        content = self._request.content
        while True:
            try:
                async with asyncio.timeout(self._silence_s):
                    chunk = await content.readany()
            except TimeoutError:
                raise GatewayError(
                    "malformed_http",
                    "The file stopped arriving. Send the whole of it.",
                    headers={"Connection": "close"},
                ) from None
            except (web.PayloadAccessError, web.RequestPayloadError, ConnectionError):
                # ConnectionError: the client is gone, which is no defect of ours; nobody reads the answer.
                raise GatewayError(
                    "malformed_http",
                    "The body is not framed as HTTP says. Use an HTTP library.",
                    headers={"Connection": "close"},
                ) from None
            if not chunk:
                return
            self._sha.update(chunk)
            # In small pieces, so that reading them never holds the loop.
            for first in range(0, len(chunk), BLOCK_OCTETS):
                yield chunk[first : first + BLOCK_OCTETS]

    async def rows(self) -> AsyncIterator[Sequence[Addressee | Problem]]:
        """Read the rows as they come.

        Raises:
            StreamEnded: the file is refused; the answer names row and column.
        """
        query = self._query
        columns = Columns(
            query.number_column, query.language_column, query.email_column, query.reference_column
        )
        try:
            async for some in FileRows(self._media, columns).read(self._chunks()):
                yield some
        except IntakeRefused as refused:
            raise StreamEnded(refused_file(refused)) from None
        except GatewayError as error:
            raise StreamEnded(error) from None


def refused_file(refused: IntakeRefused) -> GatewayError:
    return GatewayError(
        refused.code,
        refused.detail,
        errors=(FieldError("#", refused.code, refused.detail),),
        headers={"Connection": "close"},
    )
