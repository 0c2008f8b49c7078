"""Owns the file of evidence of a message or received text: what the API says of it, with its TPDUs decoded; redacted
unless all of it is wanted, so that it can be sent to people who help.

Knows no store: a document of the API in, a document out.
Source: the notes on what people see, */messages/{id}* (*Download evidence*); 3GPP TS 23.040 §9.2.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic_core import to_json

from gateway.http.call import Call
from gateway.web.evidence import HIDDEN, Decoded, Kind, decode

if TYPE_CHECKING:
    from gateway.representation import Json

PRIVATE = ("text", "data_base64", "to", "from", "reference", "tags", "url")
"""Members that tell who was written to, or what."""

_KEPT_DIGITS = 3
"""Of a number: enough for the country, not for the person."""


async def attached(call: Call, document: Json, target: str) -> web.Response:
    """Answer a document as a file to save: redacted, unless the address says ``full=1``, which is written down.

    ``target`` is what it tells of, as the audit trail names it.
    """
    full = call.request.rel_url.query.get("full") == "1"
    if full:
        await call.record("evidence.taken", target)
    name = f"evidence-{call.id()}{'' if full else '-redacted'}.json"
    headers = {"Content-Type": "application/json", "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=to_json(evidence_file(document, full=full), indent=2), headers=headers)


def evidence_file(document: Json, *, full: bool) -> Json:
    """Add to a document of the API what its TPDUs say; without ``full`` no number and no text is left in it."""
    shown = dict(document) if full else {name: _redacted(name, value) for name, value in document.items()}
    shown["redacted"] = not full
    for member in ("parts_detail", "timeline"):
        rows = document.get(member)
        if isinstance(rows, list):
            shown[member] = [
                _row(row, "submit" if member == "parts_detail" else "incoming", full=full) for row in rows
            ]
    pdus = document.get("pdus")
    if isinstance(pdus, list):
        shown["pdus"] = [_tpdu(str(pdu), "incoming", full=full) for pdu in pdus]
    return shown


def _row(row: Json, kind: Kind, *, full: bool) -> Json:
    shown = dict(row)
    detail = row.get("detail")
    if isinstance(detail, dict):
        shown["detail"] = _row(detail, kind, full=full)
    if isinstance(row.get("tpdu"), str):
        shown["tpdu"] = _tpdu(str(row["tpdu"]), kind, full=full)
    return shown


def _tpdu(pdu: str, kind: Kind, *, full: bool) -> Json:
    decoded = decode(pdu, kind)
    return _shown(decoded if full else decoded.redacted())


def _shown(decoded: Decoded) -> Json:
    return {
        "kind": decoded.kind,
        "hex": decoded.hex,
        "fields": [{k: v for k, v in asdict(f).items() if k != "private"} for f in decoded.fields],
        "trouble": decoded.trouble or None,
    }


def _redacted(name: str, value: object) -> object:
    if name not in PRIVATE or value is None or value in ({}, ""):
        return value
    if name in ("to", "from") and isinstance(value, str) and value.startswith("+"):
        return value[:_KEPT_DIGITS] + HIDDEN[0] * (len(value) - _KEPT_DIGITS)
    return HIDDEN
