"""Bytes to models: shapes of refusals, times, idempotency keys, fingerprints, cursors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.errors import GatewayError
from gateway.http.batch_models import CreateBatch
from gateway.http.models import SendMessage, instant_ms
from gateway.http.parsing import fingerprint, idempotency_key, make_cursor, parse_body, read_cursor
from gateway.http.people_models import AddMembers, LiftSuppression
from gateway.ids import new_id


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-21T09:00:00Z", 1_795_251_600_000), ("2026-11-21T10:00:00+01:00", 1_795_251_600_000),
        ("2026-11-21t09:00:00.250z", 1_795_251_600_250), ("2026-11-21 04:00:00-05:00", 1_795_251_600_000),
    ],
)  # fmt: skip
def test_times_with_any_offset_are_read_as_utc(text: str, at_ms: int) -> None:
    assert instant_ms(text) == at_ms


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.9999Z",
             "2026-11-21T09:00:00", "2026-11-21", "1795251600", "20261121T090000Z", "2026-02-30T09:00:00Z", "", 5, None,
             "2026-11-21T09:00:00Z\n", "２026-11-21T09:00:00Z"],
)  # fmt: skip
def test_times_without_offset_or_of_no_day_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        instant_ms(text)


def refusal(body: bytes) -> GatewayError | None:
    try:
        parse_body(SendMessage, body)
    except GatewayError as error:
        return error
    return None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_refusal(body: bytes) -> None:
    refused = refusal(body)
    assert refused is None or refused.status in (400, 422)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=10), children, max_size=4)
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(SendMessage.model_fields)) | st.text(max_size=8), _json, max_size=6
    )
)
def test_any_json_is_a_message_or_a_refusal_with_pointers(value: dict[str, object]) -> None:
    refused = refusal(json.dumps(value).encode())
    assert refused is None or refused.status in (400, 422)
    if refused is not None and refused.status == 422:
        assert refused.errors
        assert all(field.pointer.startswith("#") and field.detail for field in refused.errors)


def test_idempotency_keys_come_bare_or_as_structured_strings() -> None:
    assert idempotency_key("8e03978e") == idempotency_key('"8e03978e"') == "8e03978e"
    assert idempotency_key(r'"a\"b\\c"') == r'a"b\c'
    for wrong in ("", '"', '"a', '"a" ; x', "a b", "ä", "x" * 256, "\x7f"):
        with pytest.raises(GatewayError) as refused:
            idempotency_key(wrong)
        assert refused.value.code == "idempotency_key_invalid"


def test_a_fingerprint_sees_the_value_and_not_its_spelling() -> None:
    assert fingerprint(b'{"a":1,"b":"\\u00e9"}') == fingerprint('{ "b": "é", "a": 1 }'.encode())
    assert fingerprint(b'{"a":1}') != fingerprint(b'{"a":2}')
    assert fingerprint(b"\xff") != fingerprint(b"\xfe")
    assert fingerprint(b"[" * 100_000)


def test_a_cursor_leads_back_to_its_id_only_in_its_list_and_tenant() -> None:
    after = new_id()
    cursor = make_cursor("messages", "default", after)
    assert len(cursor) < 512
    assert read_cursor("messages", "default", cursor) == after
    assert read_cursor("messages", "default", None) is None
    for list_name, tenant, given_cursor in (
        ("inbound", "default", cursor), ("messages", "other", cursor), ("messages", "default", cursor[:-1]),
        ("messages", "default", cursor[1:]), ("messages", "default", after), ("messages", "default", "é"),
    ):  # fmt: skip
        with pytest.raises(GatewayError) as refused:
            read_cursor(list_name, tenant, given_cursor)
        assert refused.value.code == "invalid_cursor"


def test_a_member_that_is_not_known_deep_inside_is_told_what_is_known_there() -> None:
    body = {"text": "Hi", "recipients": [{"to": "+99900000001"}, {"to": "+99900000002", "emial": "x"}]}
    with pytest.raises(GatewayError) as refused:
        parse_body(CreateBatch, json.dumps(body).encode())
    assert refused.value.detail == "recipients.1.emial is not a field here; did you mean email?"
    body = {"text": "Hi", "recipients": [{"to": "+99900000001", "text": "x"}]}
    with pytest.raises(GatewayError) as refused:
        parse_body(CreateBatch, json.dumps(body).encode())
    assert refused.value.detail.endswith("known are: to, data, language, reference, email.")


@pytest.mark.parametrize(
    ("model", "body", "said"),
    [
        (AddMembers, {"contacts": []}, "contacts must have at least 1 entry."),
        (LiftSuppression, {"reason": ""}, "reason must have at least 1 character."),
        (LiftSuppression, {"reason": "x" * 501}, "reason must have at most 500 characters."),
    ],
)
def test_lengths_are_counted_as_people_count(
    model: type[BaseModel], body: dict[str, object], said: str
) -> None:
    with pytest.raises(GatewayError) as refused:
        parse_body(model, json.dumps(body).encode())
    assert refused.value.detail == said
