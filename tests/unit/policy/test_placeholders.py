"""Placeholders: what is one, and that values stay text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.placeholders import PlaceholderError, column_name, parse
from tests.harness.quickest import quickest_s


def refusal(text: str) -> PlaceholderError:
    with pytest.raises(PlaceholderError) as refused:
        parse(text)
    return refused.value


def test_CNT_3_a_name_in_braces_is_replaced_wherever_it_stands() -> None:
    template = parse("Dear {name}, {child} is ill. Greetings to {name}!")
    assert template.names == ("name", "child")
    assert template.render({"name": "Ann", "child": "Bo"}) == "Dear Ann, Bo is ill. Greetings to Ann!"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [("{a}{b}", "12"), ("{a}", "1"), ("x", "x"), ("", ""), ("{a} ", "1 "), ("{ a }\n{b}", "1\n2")],
)
def test_CNT_3_text_around_placeholders_stays(text: str, rendered: str) -> None:
    assert parse(text).render({"a": "1", "b": "2"}, surplus="ignore") == rendered


@pytest.mark.parametrize(
    "name", ["first name", "Prénom", "Имя", "名前", "नाम", "_x", "e-mail", "a1", "x" * 40, "Straße 2"]
)
def test_CNT_3_columns_of_any_language_are_names(name: str) -> None:
    assert parse(f"{{{name}}}").render({name: "v"}) == "v"


def test_CNT_3_accents_and_spaces_of_a_spreadsheet_are_compared_in_one_form() -> None:
    heading = unicodedata.normalize("NFD", " Prénom\u00a0 usuel\n")
    assert parse("{Prénom usuel}").render({column_name(heading): "Zoé"}) == "Zoé"
    assert parse("{" + heading + "}").names == ("Prénom usuel",)


@pytest.mark.parametrize(
    ("text", "at"),
    [("Hi {x.__class__}", 4), ("{0}", 1), ("{x!r}", 1), ("{x:>9}", 1), ("ab{x[0]}", 3), ("{}", 1), ("{ }", 1),
     ("{1x}", 1), ("{-x}", 1), ("{" + "x" * 41 + "}", 1), ("{x\x00}", 1), ("{x,y}", 1), ("{x=}", 1),
     ("{x()}", 1), ("{{{x.y}}}", 3)],
)  # fmt: skip
def test_CNT_3_braces_around_anything_but_a_name_are_refused_with_their_place(text: str, at: int) -> None:
    detail = refusal(text).detail
    assert f"at character {at} is not a placeholder" in detail
    assert detail.isprintable()
    assert len(detail) < 300


@pytest.mark.parametrize(
    ("text", "brace", "at"),
    [("a { b", "{", 3), ("a } b", "}", 3), ("{", "{", 1), ("{{", "{{", 1), ("}}", "}}", 1), ("{name", "{", 1),
     ("{name}}", "}", 7), ("{{ {name} }", "}", 11), ("}} {{", "}}", 1), ("{a{b}}", "{", 1)],
)  # fmt: skip
def test_CNT_3_a_brace_without_a_partner_is_refused_with_its_place(text: str, brace: str, at: int) -> None:
    assert refusal(text).detail.startswith(f'The "{brace}" at character {at} has no partner.')


def test_CNT_3_doubled_braces_stand_for_braces() -> None:
    assert (
        parse('{{"name": "{name}", "n": {{1, 2}}}}').render({"name": "Ann"}) == '{"name": "Ann", "n": {1, 2}}'
    )
    assert parse("{{{name}}}").render({"name": "Ann"}) == "{Ann}"
    assert parse("{{}}").render({}) == "{}"


def test_CNT_3_the_placeholder_of_another_product_is_not_sent_as_text() -> None:
    refused = refusal("Hi {{ name }}!")
    assert refused.name == "name"
    assert "Write {name}" in refused.detail


def test_CNT_3_attack_row_26_a_value_with_braces_is_inserted_literally_and_once() -> None:
    template = parse("{x} and {y}")
    assert template.render({"x": "{y}", "y": "{{x}} {0} %s \\g<1>"}) == "{y} and {{x}} {0} %s \\g<1>"


def test_CNT_3_missing_data_is_named() -> None:
    with pytest.raises(PlaceholderError, match=r"\{child\}.*no value") as refused:
        parse("{name} {child}").render({"name": "Ann"})
    assert refused.value.name == "child"
    with pytest.raises(PlaceholderError, match='written "Name" there'):
        parse("{name}").render({"Name": "Ann"})


def test_CNT_3_surplus_data_is_refused_unless_it_is_a_row_of_a_table() -> None:
    template = parse("Hi {name}")
    values = {"name": "Ann", "class": "4b", "room": "1"}
    with pytest.raises(PlaceholderError, match='"class", "room"') as refused:
        template.render(values)
    assert refused.value.name == "class"
    assert template.render(values, surplus="ignore") == "Hi Ann"
    with pytest.raises(PlaceholderError, match="and 95 more"):
        template.render({"name": "Ann"} | {f"x{i:02d}": "" for i in range(100)})


def test_CNT_3_values_have_300_characters_and_no_control_characters_but_line_feeds() -> None:
    template = parse("{x}")
    assert template.render({"x": "é" * 300}) == "é" * 300
    assert template.render({"x": "a\nb \u200d \U0001f600"}) == "a\nb \u200d \U0001f600"
    with pytest.raises(PlaceholderError, match="301 characters"):
        template.render({"x": "é" * 301})
    for control in ("\x00", "\t", "\r", "\x1b", "\x7f", "\x85", "\ud800"):
        with pytest.raises(PlaceholderError, match=rf"U\+{ord(control):04X} at character 2") as refused:
            template.render({"x": f"a{control}b"})
        assert refused.value.name == "x"
    # What the text does not name is not sent, so it need not fit.
    assert template.render({"x": "a", "notes": "\t" * 1000}, surplus="ignore") == "a"


@pytest.mark.parametrize(
    "text",
    ["{" * 100_000, "}" * 100_000, "{{" * 50_000, "{a" * 50_000, "{a}" * 33_000 + "{", "{{}}" * 25_000 + "}"],
)
def test_CNT_3_attack_row_26_hostile_texts_end_within_50_ms(text: str) -> None:
    def refused() -> None:
        with pytest.raises(PlaceholderError):
            parse(text)

    assert quickest_s(refused, 0.05) < 0.05


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
_plain = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]))
_values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)


@given(st.lists(st.tuples(_plain, _names), max_size=6), _plain, st.data())
def test_CNT_3_rendering_puts_each_value_in_its_place_and_evaluates_nothing(
    pieces: list[tuple[str, str]], end: str, data: st.DataObject
) -> None:
    values = {name: data.draw(_values) for _, name in pieces}
    text = "".join(f"{literal}{{{name}}}" for literal, name in pieces) + end
    assert parse(text).render(values) == "".join(literal + values[name] for literal, name in pieces) + end


@given(st.text("{}ab.!:[0 ", max_size=30))
def test_CNT_3_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = parse(text)
    except PlaceholderError as refused:
        detail = refused.detail
    else:
        detail = ""
        rendered = template.render(dict.fromkeys(template.names, "!"))
        assert rendered.count("{") == rendered.count("}")
        assert len(rendered) <= len(text)
    assert detail == "" or detail.endswith(".")
