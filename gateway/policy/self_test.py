"""Owns the text by which a line tests itself: its code, its words, and how it is known again when it comes in.

Pure. The words stand in one part of GSM-7 and are the same in every language, so that they are found again.
Source: the notes on what people see, */lines/{id}* (self-test); 3GPP TS 23.038 §6.2.1.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

TAG: Final = "self_test"
"""The tag of the text and of what comes in; its value is the code."""

CODE_LENGTH: Final = 8
"""Of 31 letters: nobody meets one by chance within the day for which it is looked for."""

_LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without those that people take for one another."""

_TEXT: Final = "Self-test {code}. This line texts itself: nothing to do."
_KNOWN: Final = re.compile(re.escape(_TEXT).replace(r"\{code\}", f"([{_LETTERS}]{{{CODE_LENGTH}}})"))


def new_code() -> str:
    """Make a code that no other self-test has."""
    return "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))


def text_with(code: str) -> str:
    """Write the text that carries a code."""
    return _TEXT.format(code=code)


def code_in(text: str) -> str | None:
    """Find the code of a text that is a self-test's and nothing else; None for any other."""
    known = _KNOWN.fullmatch(text.strip())
    return None if known is None else known[1]
