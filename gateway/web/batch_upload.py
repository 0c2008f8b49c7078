"""Owns how people for a batch come from a browser: a file that is streamed, or what was pasted into a field.

Knows no page and no number: what is one is judged later. A file is never in memory whole and never on a disk in clear.
Source: rules API-3; RFC 7578 (multipart/form-data); the notes on what people see, *Send box* (any shape).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from aiohttp import BodyPartReader, web

from gateway.batches.sealed_file import SealedFile
from gateway.errors import GatewayError, field_error
from gateway.http.batch_files import CSV, XLSX, too_large
from gateway.http.call import Call
from gateway.intake.rows import LIMITS
from gateway.web.batch_drafts import Pasted
from gateway.web.forms import TOKEN, check_token, read_form

T = TypeVar("T")

_TOKEN_OCTETS = 256
_NAME_CHARACTERS = 120
_AROUND_OCTETS = 64 * 1024
"""What a form has beside its file."""

_READ_ERRORS = (ValueError, web.PayloadAccessError, web.RequestPayloadError, ConnectionError)

_ZIP = b"PK\x03\x04"

_BETWEEN = re.compile(r"[\n,;|\t]+|\s+(?=\+)")
_SPACED = re.compile(r"\+?[0-9]{7,15}")


async def uploaded(call: Call) -> Pasted:
    """Receive a form whose first field is its token and whose second is a file.

    Raises:
        GatewayError: ``csrf_failed``, ``body_too_large``, ``malformed_http``, ``unsupported_media_type``,
            ``storage_unavailable``, or ``csv_invalid`` at ``file``: none was chosen.
    """
    request = call.request
    if request.content_type != "multipart/form-data":
        await read_form(call)  # a form of another page is told so first
        raise GatewayError(
            "unsupported_media_type",
            "This page takes a form with a file.",
            headers={"Accept": "multipart/form-data"},
        )
    if (request.content_length or 0) > LIMITS.file_octets + _AROUND_OCTETS:
        raise too_large()
    file = SealedFile()
    try:
        return await _received(call, file)
    except _READ_ERRORS:
        file.close()
        raise _broken() from None
    except OSError:
        file.close()
        raise GatewayError(
            "storage_unavailable", "There is no room for the file here. Free some space."
        ) from None
    except BaseException:
        file.close()
        raise


async def _received(call: Call, file: SealedFile) -> Pasted:
    reader = await call.request.multipart()
    trusted = False
    while (part := await _within(call, reader.next())) is not None:
        if not isinstance(part, BodyPartReader):
            raise _broken()
        if part.name == TOKEN:
            octets = b"".join([chunk async for chunk in _chunks(call, part, _TOKEN_OCTETS)])
            check_token(call, octets.decode("utf-8", "replace"))
            trusted = True
        elif part.name == "file":
            if not trusted:
                check_token(call, "")
            table = await _file(call, part, file)
            # Its last line may be cut off; only the boundary behind it says that it came whole.
            if await _within(call, reader.next()) is not None:
                raise _broken()
            return table
    raise _broken()


async def _file(call: Call, part: BodyPartReader, file: SealedFile) -> Pasted:
    head = b""
    async for chunk in _chunks(call, part, LIMITS.file_octets):
        head = head or chunk[: len(_ZIP)]
        await file.write(chunk)
    if not file.octets:
        raise field_error("csv_invalid", "No file was chosen, or it is empty. Choose one.", "file")
    name = "".join(c for c in (part.filename or "") if c.isprintable())[-_NAME_CHARACTERS:]
    return Pasted(file, name, XLSX if head == _ZIP else CSV)


async def _chunks(call: Call, part: BodyPartReader, most: int) -> AsyncIterator[bytes]:
    total = 0
    while chunk := await _within(call, part.read_chunk()):
        total += len(chunk)
        if total > most:
            raise too_large()
        yield bytes(chunk)


async def _within(call: Call, reading: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(call.services.settings.body_timeout_s):
            return await reading
    except TimeoutError:
        raise GatewayError(
            "malformed_http", "The file stopped arriving. Send it again.", headers={"Connection": "close"}
        ) from None


def _broken() -> GatewayError:
    return GatewayError(
        "malformed_http",
        "The form is not framed as HTTP says. Send it again.",
        headers={"Connection": "close"},
    )


# ------------------------------------------------------------------ pasted


async def pasted(text: str) -> Pasted:
    """Take numbers in any shape (one below the other, with commas, with spaces), or cells of a spreadsheet.

    Raises:
        GatewayError: ``invalid_request`` at ``numbers``: there is nothing.
    """
    table = _as_table(text)
    if table is None:
        raise field_error("invalid_request", "Paste at least one number.", "numbers")
    file = SealedFile()
    await file.write(table.encode())
    return Pasted(file, "")


def _as_table(text: str) -> str | None:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    # Letters in the first line are names of columns, and tabs are what spreadsheets copy.
    if len(lines) > 1 and (
        "\t" in text or (any(c.isalpha() for c in lines[0]) and any(c in lines[0] for c in ",;|"))
    ):
        return "\n".join(lines) + "\n"
    numbers = list(split_numbers(text))
    if len(numbers) > 1 and any(c.isalpha() for c in numbers[0]) and not any(c.isdigit() for c in numbers[0]):
        numbers = numbers[1:]  # the heading of a column that was pasted with it
    return "number\n" + "".join(f'"{number.replace(chr(34), "")}"\n' for number in numbers)


def split_numbers(text: str) -> list[str]:
    """Part numbers that were written in one field; spaces within a number stay.

    >>> split_numbers("07700 900123, +44 7700 900124\\n07700900125 07700900126")
    ['07700 900123', '+44 7700 900124', '07700900125', '07700900126']
    """
    found: list[str] = []
    for piece in _BETWEEN.split(text):
        words = piece.split()
        if len(words) > 1 and all(_SPACED.fullmatch(word) for word in words):
            found += words
        elif words:
            found.append(" ".join(words))
    return found
