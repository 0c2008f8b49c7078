"""Owns the reading of an NDJSON stream of recipients: octets in, one recipient a line out.

Refuses to know whether the number can be reached. No I/O; a line that is wrong never stops the others.
Source: RFC 8259; github.com/ndjson/ndjson-spec 1.0; rules API-1, API-3.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.intake.encoding import refuse_no_text
from gateway.intake.rows import LIMITS, IntakeRefused, Limits, RowProblem, shown
from gateway.message import NO_CONTROLS, SHORT_MAX

_NO_NUL = r"^[^\x00]*$"
_TAG = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
_HEAD_OCTETS = 8  # the longest of the magic octets of other formats

_Name = Annotated[str, Field(min_length=1, max_length=LIMITS.name_characters, pattern=_NO_NUL)]
_Value = Annotated[str, Field(max_length=LIMITS.field_characters, pattern=_NO_NUL)]


class RecipientLine(BaseModel):
    """What a line may hold: a recipient and the values for its text."""

    model_config = ConfigDict(strict=True, extra="forbid")

    to: Annotated[str, Field(min_length=1, max_length=100, pattern=_NO_NUL)]
    data: Annotated[dict[_Name, _Value], Field(max_length=LIMITS.columns)] = {}
    reference: Annotated[str | None, Field(max_length=SHORT_MAX, pattern=NO_CONTROLS)] = None
    language: Annotated[str | None, Field(pattern=_TAG)] = None
    email: Annotated[str | None, Field(max_length=254, pattern=_NO_NUL)] = None


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """One recipient. ``number`` is that of the line, from 1; ``language`` a BCP 47 tag."""

    number: int
    to: str
    data: Mapping[str, str]
    reference: str | None = None
    language: str | None = None
    email: str | None = None


class NdjsonReader:
    """Reads NDJSON as it arrives. Feed octets as they come, then call :meth:`end` once."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._octets = bytearray()
        self._searched = 0
        self._octets_read = 0
        self._head_seen = False
        self._skipping = False
        self._number = 0
        self._rows_given = 0

    def feed(self, chunk: bytes) -> list[RecipientRow | RowProblem]:
        """Take the next octets and give the recipients whose lines are complete.

        Raises:
            IntakeRefused: the file is over a limit, or no NDJSON in UTF-8 at all.
        """
        self._octets_read += len(chunk)
        if self._octets_read > self._limits.file_octets:
            most = self._limits.file_octets // (1024 * 1024)
            raise IntakeRefused(f"The file is larger than {most} MiB. Split it.", code="body_too_large")
        self._octets += chunk
        if not self._head_seen:
            if len(self._octets) < _HEAD_OCTETS:
                return []
            self._see_head()
        return self._read()

    def end(self) -> list[RecipientRow | RowProblem]:
        """Say that no more octets come, and give what the last line holds, line end or not.

        Raises:
            IntakeRefused: as :meth:`feed`.
        """
        if not self._head_seen:
            self._see_head()
        rows = self._read()
        return rows + self._line(bytes(self._octets))

    def _see_head(self) -> None:
        self._head_seen = True
        refuse_no_text(self._octets)
        if self._octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise IntakeRefused("NDJSON is UTF-8, this is UTF-16. Save it as UTF-8.")
        if self._octets.startswith(codecs.BOM_UTF8):
            del self._octets[: len(codecs.BOM_UTF8)]

    def _read(self) -> list[RecipientRow | RowProblem]:
        rows: list[RecipientRow | RowProblem] = []
        start = 0
        while (end := self._octets.find(b"\n", max(start, self._searched))) >= 0:
            rows += self._line(bytes(self._octets[start:end]))
            start = end + 1
        del self._octets[:start]
        if len(self._octets) > self._limits.row_octets:
            # The line is lost whatever follows; what follows must not cost memory.
            self._skipping = True
            self._octets.clear()
        self._searched = len(self._octets)
        return rows

    def _line(self, line: bytes) -> list[RecipientRow | RowProblem]:
        """Read one line; none or one row comes of it."""
        self._number += 1
        too_long = self._skipping or len(line) > self._limits.row_octets
        self._skipping = False
        if not too_long and not line.strip():
            return []
        self._rows_given += 1
        if self._rows_given > self._limits.rows:
            reason = f"There are more than {self._limits.rows} lines. Split the file."
            raise IntakeRefused(reason, self._number)
        if too_long:
            reason = f"The line is longer than {self._limits.row_octets // 1024} KiB. Shorten it."
            return [RowProblem(self._number, None, reason)]
        return [self._recipient(line)]

    def _recipient(self, line: bytes) -> RecipientRow | RowProblem:
        try:
            read = RecipientLine.model_validate_json(line)
        except ValidationError as error:
            shown_line = line.decode("utf-8", "replace").strip()
            return RowProblem(self._number, None, _reason(error), (shown_line,))
        return RecipientRow(self._number, read.to, read.data, read.reference, read.language, read.email)


_REASONS = {
    "missing": "is missing; add it.",
    "extra_forbidden": "is not known; a line has to, data, language, reference and email.",
    "string_type": "must be text, in quotes.",
    "dict_type": "must be an object of text to text.",
    "model_type": "must be one JSON object.",
    "string_too_short": "must not be empty.",
    "string_too_long": "must have at most {max_length} characters.",
    "too_long": "may have at most {max_length} members.",
    "string_pattern_mismatch": "holds what may not stand there (NUL or another control, or no BCP 47 tag like en-GB).",
}


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return f"This is not JSON in UTF-8: {first.get('ctx', {}).get('error', 'no JSON')}. Write one object a line."
    place = ".".join(str(step) for step in first["loc"] if step != "[key]")
    reason = _REASONS.get(first["type"])
    said = reason.format_map(first.get("ctx", {})) if reason else f"is refused: {first['msg']}."
    return f"{shown(place) if place else 'The line'} {said}"
