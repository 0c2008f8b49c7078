"""Owns the judgement of a template: whether its texts agree, and how long it gets with rows of values.

Knows no HTTP and no SQL, and sends nothing.
Source: rules CNT-3; the parts are those of TS 23.040 as admission counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from device_bridge.sms.alphabet import encode_septets, is_gsm7
from gateway.admission import Preview
from gateway.draft import MessageDraft
from gateway.errors import GatewayError, field_error
from gateway.policy.placeholders import PlaceholderError, Template, column_name, parse
from gateway.store.plan_rows import TemplateContent

SAMPLES = 3
"""Rows that a preview shows in full: enough to see a shifted column."""

_SEPTETS_ALONE, _SEPTETS_IN_PART = 160, 153
_UNITS_ALONE, _UNITS_IN_PART = 70, 67
"""What one part holds alone, and as one of several (23.040 §9.2.3.24.1)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One language of a template over rows of values: the longest as it would be sent, and the first few."""

    language: str
    longest_row: int
    longest: str
    preview: Preview
    samples: tuple[str, ...]


# ------------------------------------------------------------------ what a version may say


def placeholders_of(content: TemplateContent) -> tuple[str, ...]:
    """List the values that a template needs, in order of the default text."""
    return tuple(parse(content.texts[content.default_language]).names)


def check_content(content: TemplateContent) -> None:
    """Insist that every text can be filled from the same values.

    Raises:
        GatewayError: ``template_error``, naming the text and how it differs.
    """
    default = content.default_language
    names = set(_parsed(content.texts[default], "texts", default).names)
    for language, text in content.texts.items():
        own = set(_parsed(text, "texts", language).names)
        if own != names:
            raise field_error("template_error", _difference(language, default, own, names), "texts", language)
    for field, beside in (("subject", content.subject), ("html", content.html)):
        more = set() if beside is None else set(_parsed(beside, field).names) - names
        if more:
            raise field_error(
                "template_error",
                f"{field} names {_braced(more)}, which the texts do not. Use only placeholders of the texts.",
                field,
            )


def _parsed(text: str, *path: str) -> Template:
    try:
        return parse(text)
    except PlaceholderError as error:
        raise field_error("template_error", error.detail, *path) from None


def _difference(language: str, default: str, own: set[str], names: set[str]) -> str:
    apart = []
    if names - own:
        apart.append(f"lacks {_braced(names - own)}")
    if own - names:
        apart.append(f"has {_braced(own - names)}")
    return (
        f'The text "{language}" {" and ".join(apart)}, unlike the text "{default}".'
        " Name the same placeholders in every language."
    )


def _braced(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


# ------------------------------------------------------------------ how long it gets


def measured(
    content: TemplateContent,
    languages: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    preview: Callable[[MessageDraft], Preview],
) -> tuple[Measured, ...]:
    """Render every row in every language and measure the longest; takes a second for the largest request.

    Raises:
        GatewayError: ``template_error`` pointing at the first row that does not fit.
    """
    return tuple(_measured(content, language, rows, preview) for language in languages)


def _measured(
    content: TemplateContent,
    language: str,
    rows: Sequence[Mapping[str, str]],
    preview: Callable[[MessageDraft], Preview],
) -> Measured:
    template = parse(content.texts[language])
    texts = [_row_text(template, index, row) for index, row in enumerate(rows)]
    longest = max(range(len(texts)), key=lambda index: length_of(texts[index]))
    draft = MessageDraft(to="", text=texts[longest])
    return Measured(language, longest, texts[longest], preview(draft), tuple(texts[:SAMPLES]))


def _row_text(template: Template, index: int, row: Mapping[str, str]) -> str:
    try:
        return template.render({column_name(name): value for name, value in row.items()})
    except PlaceholderError as error:
        raise field_error("template_error", f"Row {index + 1}: {error.detail}", "rows", index) from None


def length_of(text: str) -> tuple[int, int]:
    """Say (parts, units) without cutting: a thousand rows are compared, and only the longest is cut."""
    if is_gsm7(text):
        units, alone, in_part = len(encode_septets(text)), _SEPTETS_ALONE, _SEPTETS_IN_PART
    else:
        units, alone, in_part = len(text.encode("utf-16-be")) // 2, _UNITS_ALONE, _UNITS_IN_PART
    return 1 if units <= alone else -(-units // in_part), units


def superseded(what: str) -> GatewayError:
    """Two changes met; the second is told to look first."""
    return GatewayError("conflict", f"This {what} was changed meanwhile. GET it and change what it is now.")
