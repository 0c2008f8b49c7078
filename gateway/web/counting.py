"""Owns what the counter below a text says when the server counts: the same words as the script says while typing.

Knows no form; parts are admission's.
Source: the notes on what people see, *Send box*; 3GPP TS 23.038 §6.2 (alphabets).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.admission import Admission
from gateway.draft import MessageDraft
from gateway.errors import GatewayError
from gateway.web.words import gettext as _
from gateway.web.words import mark

WORDS = {
    "one": mark("{used} of {total} · 1 part"),
    "many": mark("{used} of {total} · {parts} parts"),
    "unicode": mark("Unicode because of {characters}"),
    "toolong": mark("too long: at most {most} parts"),
}
"""What the script fills in too; the braces are filled by both."""

_CHARACTERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """What the counter says, whether the text fits, and the same in plain letters where that saves parts ("" else)."""

    words: str
    fits: bool
    plain: str


def counted(admission: Admission, text: str) -> Counted:
    """Count a text."""
    try:
        preview = admission.preview(MessageDraft(to="", text=text))
    except GatewayError as error:
        return Counted(error.detail, fits=False, plain="")
    cut = preview.segmentation
    used = sum(segment.units for segment in cut.segments)
    filled = _(WORDS["one" if cut.parts == 1 else "many"])
    said = [filled.format(used=used, total=used + cut.units_left, parts=cut.parts)]
    if cut.coding == "ucs2" and cut.forces_ucs2:
        characters = list(dict.fromkeys(character for _index, character in cut.forces_ucs2))[
            :_CHARACTERS_SHOWN
        ]
        said.append(_(WORDS["unicode"]).format(characters=" ".join(characters)))
    fits = cut.parts <= preview.max_parts
    if not fits:
        said.append(_(WORDS["toolong"]).format(most=preview.max_parts))
    saves = (
        preview.gsm7_text is not None and preview.gsm7_parts is not None and preview.gsm7_parts < cut.parts
    )
    return Counted(" · ".join(said), fits, preview.gsm7_text or "" if saves else "")
