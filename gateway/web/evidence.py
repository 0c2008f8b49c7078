"""Owns how a TPDU is shown: field by field, each with its octets, its value, and what that means; and without what is
private.

Pure: hex in, rows out. Knows no message and no page. What does not decode is shown as far as it goes, with the reason.
Source: 3GPP TS 23.040 §9.2.2 (SUBMIT, DELIVER, STATUS-REPORT), §9.2.3 (their fields); TS 23.038 §4 (TP-DCS).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from device_bridge.errors import DecodeError
from device_bridge.sms.address import Address, decode_address
from device_bridge.sms.coding_scheme import coding_scheme
from device_bridge.sms.cursor import Cursor
from device_bridge.sms.outcome import report_meaning
from device_bridge.sms.timestamp import OCTETS, ScTimestamp
from device_bridge.sms.user_data import Header, decode_user_data
from device_bridge.sms.validity import VPF_RELATIVE, decode_validity
from gateway.web.shown import span
from gateway.web.words import gettext as _
from gateway.web.words import mark, ngettext

Kind = Literal["submit", "incoming"]
"""Who made it: SUBMIT is ours; what comes from the network says itself what it is (TP-MTI means both ways)."""

HIDDEN = "··"
"""Stands in the place of an octet, or a value, that is private."""

_TON = {0: mark("unknown"), 1: mark("international"), 2: mark("national"), 3: mark("of the network"),
        4: mark("of the subscriber"), 5: mark("a name in letters"), 6: mark("abbreviated")}  # fmt: skip
_CODINGS = {"gsm7": mark("GSM-7, 7 bits a character"), "ucs2": mark("UCS-2, 16 bits a character"),
            "8bit": mark("data, 8 bits")}  # fmt: skip
_CLASSES = {0: mark("class 0: shown at once"), 1: mark("class 1: kept in the phone"),
            2: mark("class 2: kept on the SIM"), 3: mark("class 3: for attached equipment")}  # fmt: skip
_VPF = {0: mark("no validity: the network's default"), 1: mark("validity in the enhanced form"),
        2: mark("validity as a span"), 3: mark("validity until a time")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field. ``octets`` is its hex, "" for bits that stand in an octet shown before; ``private``: it tells a
    number or a text."""

    name: str
    octets: str
    value: str
    meaning: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A TPDU: what it is, its fields in order, and why it could not be read further."""

    kind: str
    hex: str
    fields: tuple[Field, ...]
    trouble: str = ""

    def redacted(self) -> Decoded:
        """Hide numbers and texts, in the fields as in the hex."""
        shown = tuple(
            replace(f, octets=HIDDEN * (len(f.octets) // 2), value=HIDDEN, meaning="") if f.private else f
            for f in self.fields
        )
        read = "".join(f.octets for f in shown)
        unread = HIDDEN * ((len(self.hex) - len(read)) // 2)
        return replace(self, fields=shown, hex=read + unread)


@dataclass(slots=True)
class _Walk:
    """Reads field after field, and keeps the octets of each."""

    cursor: Cursor
    fields: list[Field] = field(default_factory=list)

    def hex_since(self, at: int) -> str:
        return self.cursor.octets[at : self.cursor.at].hex().upper()

    def add(self, name: str, at: int, value: str, meaning: str = "", *, private: bool = False) -> None:
        self.fields.append(Field(name, self.hex_since(at), value, meaning, private))

    def bits(self, *rows: tuple[str, str, str]) -> None:
        self.fields += (Field(name, "", value, meaning) for name, value, meaning in rows)

    def octet(self, name: str, meaning: Callable[[int], str]) -> int:
        at = self.cursor.at
        value = self.cursor.octet(name)
        self.add(name, at, str(value), meaning(value))
        return value

    def address(self, name: str, meaning: str) -> None:
        at = self.cursor.at
        address = decode_address(self.cursor, name)
        self.add(name, at, address.text, f"{meaning}; {_of_type(address)}", private=True)

    def stamp(self, name: str, meaning: str) -> None:
        at = self.cursor.at
        stamp = ScTimestamp(self.cursor.take(OCTETS, name).hex().upper())
        self.add(name, at, stamp.rfc3339 or _("no date"), meaning)


def decode(tpdu_hex: str, kind: Kind) -> Decoded:
    """Read a TPDU; never fails."""
    try:
        walk = _Walk(Cursor(bytes.fromhex(tpdu_hex)))
    except ValueError:
        return Decoded("", tpdu_hex, (), _("It is not hexadecimal."))
    name, read = _reader(walk.cursor.octets, kind)
    trouble = ""
    try:
        read(walk)
        rest = walk.cursor.left
        if rest:
            at = walk.cursor.at
            walk.cursor.take(rest, name)
            walk.add(_("rest"), at, _octets(rest), _("after the last field; left alone"), private=True)
    except DecodeError as error:
        trouble = _("It cannot be read further: %(field)s at octet %(octet)d: %(reason)s.") % {
            "field": error.field, "octet": error.octet, "reason": error.reason,
        }  # fmt: skip
    return Decoded(name, tpdu_hex.upper(), tuple(walk.fields), trouble)


def _reader(octets: bytes, kind: Kind) -> tuple[str, Callable[[_Walk], None]]:
    if kind == "submit":
        return "SMS-SUBMIT", _submit
    if octets and octets[0] & 0x03 == 2:
        return "SMS-STATUS-REPORT", _status_report
    return "SMS-DELIVER", _deliver


# ------------------------------------------------------------------ the three kinds


def _submit(walk: _Walk) -> None:
    at = walk.cursor.at
    first = walk.cursor.octet("TP-MTI")
    walk.add("TP-MTI", at, str(first & 3), _("SUBMIT: from us to the network"))
    vpf = first >> 3 & 3
    walk.bits(
        ("TP-RD", _bit(first, 0x04), _("refuse a second copy") if first & 0x04 else _("no check for copies")),
        ("TP-VPF", str(vpf), _(_VPF[vpf])),
        (
            "TP-SRR",
            _bit(first, 0x20),
            _("delivery report wanted") if first & 0x20 else _("no delivery report wanted"),
        ),
        _header_bit(first),
        _reply_path(first),
    )
    walk.octet("TP-MR", lambda _n: _("our number for this part; a report repeats it"))
    walk.address("TP-DA", _("to whom"))
    walk.octet("TP-PID", _protocol)
    dcs = walk.octet("TP-DCS", _coding)
    if vpf:
        at = walk.cursor.at
        validity = decode_validity(walk.cursor, vpf)
        value = str(walk.cursor.octets[at]) if vpf == VPF_RELATIVE else walk.hex_since(at)
        until = validity.until.rfc3339 if validity.until is not None else ""
        walk.add("TP-VP", at, until or value, _("the network tries for %(span)s") % {"span": span(validity.seconds)}
                 if validity.seconds is not None else _("the network tries until then"))  # fmt: skip
    _user_data(walk, dcs, has_header=bool(first & 0x40))


def _deliver(walk: _Walk) -> None:
    at = walk.cursor.at
    first = walk.cursor.octet("TP-MTI")
    walk.add("TP-MTI", at, str(first & 3), _("DELIVER: from the network to us"))
    walk.bits(
        _more(first),
        (
            "TP-SRI",
            _bit(first, 0x20),
            _("its sender hears of it") if first & 0x20 else _("its sender hears nothing"),
        ),
        _header_bit(first),
        _reply_path(first),
    )
    walk.address("TP-OA", _("from whom"))
    walk.octet("TP-PID", _protocol)
    dcs = walk.octet("TP-DCS", _coding)
    walk.stamp("TP-SCTS", _("when the message centre took it"))
    _user_data(walk, dcs, has_header=bool(first & 0x40))


def _status_report(walk: _Walk) -> None:
    at = walk.cursor.at
    first = walk.cursor.octet("TP-MTI")
    walk.add("TP-MTI", at, str(first & 3), _("STATUS-REPORT: what became of a text"))
    walk.bits(
        _more(first),
        ("TP-SRQ", _bit(first, 0x20), _("about a command") if first & 0x20 else _("about a SUBMIT")),
        _header_bit(first),
    )
    walk.octet("TP-MR", lambda _n: _("which part of ours it is about"))
    walk.address("TP-RA", _("whom the text was for"))
    walk.stamp("TP-SCTS", _("when the message centre took the text"))
    walk.stamp("TP-DT", _("when it ended: delivered, or given up"))
    at = walk.cursor.at
    status = walk.cursor.octet("TP-ST")
    walk.add("TP-ST", at, f"0x{status:02X}", status_meaning(status))


def status_meaning(status: int) -> str:
    """Say what TP-ST means, in the standard's words."""
    meaning = report_meaning(status)
    end = _("final") if meaning.final else _("the network still tries")
    return f"{_(meaning.outcome.meaning)}; {end}"


# ------------------------------------------------------------------ fields


def _bit(octet: int, mask: int) -> str:
    return "1" if octet & mask else "0"


def _header_bit(first: int) -> tuple[str, str, str]:
    said = _("the text begins with a header") if first & 0x40 else _("no header before the text")
    return "TP-UDHI", _bit(first, 0x40), said


def _reply_path(first: int) -> tuple[str, str, str]:
    return (
        "TP-RP",
        _bit(first, 0x80),
        _("answers go the same way") if first & 0x80 else _("no way for answers is set"),
    )


def _more(first: int) -> tuple[str, str, str]:
    return "TP-MMS", _bit(first, 0x04), _("no more are waiting") if first & 0x04 else _("more are waiting")


def _protocol(pid: int) -> str:
    return _("an ordinary text") if pid == 0 else _("a special kind of text (23.040 §9.2.3.9)")


def _coding(dcs: int) -> str:
    scheme = coding_scheme(dcs)
    said = _(_CODINGS[scheme.coding])
    return said if scheme.message_class is None else f"{said}; {_(_CLASSES[scheme.message_class])}"


def _of_type(address: Address) -> str:
    return _("type of number: %(type)s") % {"type": _(_TON.get(address.ton, mark("reserved")))}


def _octets(n: int) -> str:
    return ngettext("%(n)d octet", "%(n)d octets", n) % {"n": n}


def _septets(n: int) -> str:
    return ngettext("%(n)d septet", "%(n)d septets", n) % {"n": n}


def _user_data(walk: _Walk, dcs: int, *, has_header: bool) -> None:
    cursor = walk.cursor
    coding = coding_scheme(dcs).coding
    at = cursor.at
    body = decode_user_data(cursor, coding, has_header=has_header)
    length = cursor.octets[at]
    said = _septets(length) if coding == "gsm7" else _octets(length)
    walk.fields.append(Field("TP-UDL", f"{length:02X}", str(length), said))
    start = at + 1
    if has_header:
        end = start + 1 + len(body.udh)
        octets = cursor.octets[start:end].hex().upper()
        said = _("its elements do not add up, so none counts") if body.udh_ignored else _elements(body.header)
        walk.fields.append(Field("TP-UDH", octets, body.udh.hex().upper(), said))
        start = end
    octets = cursor.octets[start : cursor.at].hex().upper()
    value = body.text if body.text is not None else (body.octets or b"").hex().upper()
    said = _("the text") if body.text is not None else _("data")
    walk.fields.append(Field("TP-UD", octets, value, said, private=True))


def _elements(header: Header) -> str:
    said = []
    if header.concatenation is not None:
        whole = header.concatenation
        said.append(_("part %(n)d of %(total)d of set %(reference)d") % {
            "n": whole.number, "total": whole.total, "reference": whole.reference,
        })  # fmt: skip
    if header.ports is not None:
        said.append(_("for port %(to)d, from port %(of)d") % {"to": header.ports[0], "of": header.ports[1]})
    if header.locking or header.single_shift:
        said.append(_("national alphabet"))
    return "; ".join(said) or _("elements that we do not use")
