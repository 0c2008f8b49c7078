"""Owns how the words of a notification are made: from a template or as written, filled with a recipient's data.

Knows no channel and no store. A value is text in a text and escaped in HTML; it never becomes markup or a placeholder.
Source: rules CNT-3.
"""

from __future__ import annotations

import html as markup
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError, field_error
from gateway.policy.placeholders import PlaceholderError, Template, parse
from gateway.store.notification_rows import NotificationContent


@dataclass(frozen=True, slots=True)
class Wording:
    """Words as they were written: with placeholders where ``filled`` is True, else to be sent as they are."""

    subject: str | None
    body: str
    html: str | None
    filled: bool = True


class Words:
    """A wording cut at its placeholders once, for any number of recipients.

    Raises:
        GatewayError: ``template_error`` that points at the member.
    """

    def __init__(self, wording: Wording, *where: str) -> None:
        self._as_written = (
            None if wording.filled else NotificationContent(wording.subject, wording.body, wording.html)
        )
        if self._as_written is None:
            self._subject = _cut(wording.subject, *where, "subject")
            self._body = _cut(wording.body, *where, "body")
            self._html = _cut(wording.html, *where, "html")
            cut = (self._subject, self._body, self._html)
            self._names = frozenset(name for part in cut if part is not None for name in part.names)

    def for_one(self, values: Mapping[str, str]) -> NotificationContent:
        """Put the data of one recipient into the words.

        Raises:
            GatewayError: ``template_error`` that points at the data: a value is missing, surplus or not allowed.
        """
        if self._as_written is not None:
            return self._as_written
        surplus = sorted(set(values) - self._names)
        if surplus:
            raise _error(
                f'No placeholder of the text is named "{surplus[0][:64]}". Remove it from data.', "data"
            )
        try:
            body = self._body.render(values, surplus="ignore") if self._body is not None else ""
            subject = None if self._subject is None else self._subject.render(values, surplus="ignore")
            html = None if self._html is None else _in_html(self._html, values)
        except PlaceholderError as error:
            raise _error(error.detail, "data") from None
        return NotificationContent(subject, body, html)


def _in_html(cut: Template, values: Mapping[str, str]) -> str:
    # Judged as they are, so that what escaping adds does not count against a value's length.
    cut.render(values, surplus="ignore")
    pieces = [cut.literals[0]]
    for name, literal in zip(cut.places, cut.literals[1:], strict=True):
        pieces += (markup.escape(values[name]), literal)
    return "".join(pieces)


def _cut(text: str | None, *where: str) -> Template | None:
    if text is None:
        return None
    try:
        return parse(text)
    except PlaceholderError as error:
        raise _error(error.detail, *where) from None


def _error(detail: str, *where: str) -> GatewayError:
    return field_error("template_error", detail, *where)
