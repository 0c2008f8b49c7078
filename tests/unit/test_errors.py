"""The catalogue of codes, its documents and its pages."""

from __future__ import annotations

import pytest

from device_bridge.sms import outcome
from gateway.errors import CATALOGUE, GatewayError, family_of, field_error, pages, pointer
from gateway.errors.network_numbers import numbers_of

TABLE: dict[int, dict[str, int | None]] = {
    100: {
        "invalid_number": 422, "invalid_request": 422, "malformed_json": 400, "malformed_http": 400,
        "unsupported_media_type": 415, "body_too_large": 413, "text_too_long": 422, "text_not_encodable": 422,
        "template_error": 422, "template_not_found": 404, "recipient_field_missing": 422,
        "channel_unavailable": 422, "csv_invalid": 422, "send_at_invalid": 422, "unknown_line": 422,
        "invalid_cursor": 400, "idempotency_key_invalid": 400, "idempotency_key_reused": 422, "key_in_url": 400,
        "duplicate_recipient": 422,
    },
    300: {
        "queue_full": 503, "rate_limited": 429, "quota_exhausted": 429, "recipient_limit": 429,
        "idempotency_in_progress": 409, "too_many_attempts": 429, "overloaded": 503, "shutting_down": 503,
        "quiet_hours": 422, "expired": None,
    },
    400: {
        "unauthenticated": 401, "mfa_required": 401, "forbidden": 403, "sandbox_only": 403, "csrf_failed": 403,
        "origin_not_allowed": 403, "host_not_allowed": 421, "not_found": 404, "method_not_allowed": 405,
        "conflict": 409, "recipient_opted_out": 403, "consent_required": 403, "consent_expired": 403,
        "content_refused": 403, "approval_self": 403, "approval_rejected": None, "premium_number": 403,
        "emergency_number": 403, "short_code_not_allowed": 403, "destination_not_allowed": 403,
        "sender_not_owned": 403, "webhook_target_refused": 422, "storage_unavailable": 503, "internal_error": 500,
        "pairing_refused": 403, "device_unknown": 401,
    },
    500: {
        "no_line_available": 503, "device_error": 502, "device_timeout": 504, "device_not_ready": None,
        "sim_pin_required": None, "sim_missing": None, "not_registered": None, "no_credit": None, "barred": None,
        "sim_puk_required": None, "smsc_wrong": None, "number_unassigned": None, "absent_subscriber": None,
        "modem_silent": None, "phone_gone": None, "phone_unauthorised": None, "phone_permission": None,
        "phone_cap": None, "port_denied": None, "port_busy": None, "partly_sent": None, "unknown_cause": None,
        "rejected_by_network": None, "undelivered": None, "in_doubt": None, "device_lost": None,
        "phone_stuck": None, "link_unavailable": 503, "adb_missing": 503,
        "channel_refused": None, "channel_unreachable": None, "channel_in_doubt": None,
    },
}  # fmt: skip
"""The codes that clients were promised: family → code → HTTP status, None = only on messages and lines."""


def test_the_catalogue_holds_exactly_the_promised_codes() -> None:
    promised = {code: (family, status) for family, codes in TABLE.items() for code, status in codes.items()}
    assert {code: (entry.family, entry.status) for code, entry in CATALOGUE.items()} == promised


def test_each_code_says_its_meaning_its_causes_and_what_to_do() -> None:
    for entry in CATALOGUE.values():
        assert entry.title
        assert entry.meaning.endswith(".")
        assert entry.causes
        assert entry.hint.endswith(".")
        assert entry.did.endswith(".")
        assert entry.evidence.endswith(".")
        for text in (entry.title, entry.meaning, *entry.causes, entry.hint, entry.did, entry.evidence):
            assert "oops" not in text.lower()
            assert len(text) <= 160, f"{entry.code}: {text}"
        shown = pages.markdown(entry)
        assert f"`{entry.code}`" in shown
        assert entry.hint in shown


def test_a_page_names_the_numbers_that_stand_behind_its_code() -> None:
    assert ("RP cause 1", "unassigned number") in numbers_of("number_unassigned")
    assert ("TP-FCS 0xE0 … 0xFE", "application specific") in numbers_of("rejected_by_network")
    assert ("+CME ERROR 40", "personalisation PIN required") in numbers_of("sim_pin_required")
    assert ("Android result 5", "Android's sending limit reached") in numbers_of("phone_cap")
    assert numbers_of("invalid_number") == ()
    assert "`+CMS ERROR 310`" in pages.markdown(CATALOGUE["sim_missing"])


def test_a_number_on_a_page_is_written_as_a_message_has_it() -> None:
    shown = {number for code in CATALOGUE for number, _ in numbers_of(code)}
    for witnessed in (
        outcome.rp_cause(8),
        outcome.tp_fcs(0xC3),
        outcome.cms_error(331),
        outcome.cme_error(30),
    ):
        assert witnessed.network_code in shown
    assert outcome.tp_status(0x62).network_code in shown


def test_every_code_of_the_device_layer_stands_in_the_catalogue() -> None:
    results = [
        *(outcome.rp_cause(code) for code in range(256)),
        *(outcome.tp_fcs(code) for code in range(256)),
        *(outcome.cms_error(code) for code in range(1024)),
        *(outcome.cme_error(code) for code in range(1024)),
    ]
    done = outcome.OutcomeClass.DONE
    assert {result.code for result in results if result.outcome_class is not done} <= set(CATALOGUE)


def test_a_problem_document_has_the_members_of_rfc_9457_and_ours() -> None:
    document = field_error("invalid_number", "No digits.", "to").document("abc")
    assert document == {
        "type": "/problems/invalid_number",
        "title": CATALOGUE["invalid_number"].title,
        "status": 422,
        "detail": "No digits.",
        "instance": "/requests/abc",
        "code": "invalid_number",
        "family": 100,
        "hint": CATALOGUE["invalid_number"].hint,
        "errors": [{"pointer": "#/to", "code": "invalid_number", "detail": "No digits."}],
    }


def test_what_may_be_tried_again_says_when() -> None:
    for code, entry in CATALOGUE.items():
        if entry.status in (429, 503):
            assert int(GatewayError(code, "x").headers["Retry-After"]) > 0


def test_a_code_of_messages_is_no_answer_to_a_request() -> None:
    with pytest.raises(ValueError, match="stands on messages"):
        GatewayError("in_doubt", "x")


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert pointer() == "#"
    assert pointer("tags", "a/b~c", 0) == "#/tags/a~1b~0c/0"


def test_the_family_of_an_unknown_code_is_the_network() -> None:
    assert family_of("invalid_number") == 100
    assert family_of("from_a_newer_device_layer") == 500


def test_pages_escape_what_they_show() -> None:
    assert "&lt;script&gt;" in pages.page("<script>", "")


def test_the_words_of_a_conflict_fit_whatever_is_in_the_way() -> None:
    """A contact that exists, a template that was changed, a batch that has ended: detail says which."""
    entry = CATALOGUE["conflict"]
    for words in (entry.title, entry.meaning, entry.hint):
        assert "message" not in words.lower()
        assert "late" not in words.lower()
    assert "detail" in entry.hint


def test_people_are_not_told_names_of_fields_alone() -> None:
    assert "set allow_duplicates" not in CATALOGUE["duplicate_recipient"].hint
