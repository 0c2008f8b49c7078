"""The link's messages against the examples that the app is held to as well."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_bridge.companion import pairing, wire
from device_bridge.companion.members import WireError, clean

LINK: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link.json").read_text(encoding="utf-8")
)
VALID = {(row["from"], row["name"]): row["frame"] for row in LINK["valid"]}
FROM_PHONE = [name for side, name in VALID if side == "phone"]
FROM_GATEWAY = [name for side, name in VALID if side == "gateway"]
BAD = [row for row in LINK["malformed"] if row["from"] == "phone"]

PHONE_TYPES = {
    "hello": wire.Hello, "taken": wire.Taken, "refused": wire.Refused, "jobs": wire.JobStates,
    "answer": wire.Answer, "sims": wire.SimsChanged, "health": wire.HealthChanged, "sent": wire.SentEvent,
    "report": wire.ReportEvent, "failed": wire.FailedEvent, "inbound": wire.InboundEvent,
    "text": wire.TextEvent, "mms": wire.MmsEvent,
}  # fmt: skip


def read(name: str) -> Any:
    return wire.decode_from_phone(json.dumps(VALID["phone", name]))


def made(frame: dict[str, Any]) -> wire.FromGateway:
    """Build the value that should be written as ``frame``."""
    match frame["t"]:
        case "welcome":
            urls, pin = tuple(frame["urls"]), frame.get("pin", "")
            return wire.Welcome(frame["gateway"], frame["name"], frame["now_ms"], urls, pin)
        case "bye":
            return wire.Bye(frame["code"], frame["title"], frame["hint"])
        case "job":
            octets = base64.b64decode(frame["octets"]) if "octets" in frame else None
            parts = tuple(frame["parts"]) if "parts" in frame else None
            job, sub, to, report = frame["job"], frame["sub"], frame["to"], frame["report"]
            return wire.JobFrame(job, sub, to, report, parts, octets, frame.get("port"))
        case "committed":
            return wire.Committed(tuple(frame["events"]))
        case "ask":
            return wire.Ask(frame["re"], tuple(frame["jobs"]))
        case "ussd":
            return wire.UssdFrame(frame["re"], frame["sub"], frame["code"])
        case _:
            return wire.MmsFrame(frame["re"], frame["job"], frame["sub"], base64.b64decode(frame["pdu"]))


@pytest.mark.parametrize("name", FROM_PHONE)
def test_every_example_of_a_phone_is_read_as_its_kind(name: str) -> None:
    frame = VALID["phone", name]
    assert type(read(name)) is PHONE_TYPES[frame.get("kind", frame["t"])]


@pytest.mark.parametrize("name", FROM_GATEWAY)
def test_every_example_of_the_gateway_is_written_member_for_member(name: str) -> None:
    frame = VALID["gateway", name]
    assert json.loads(wire.encode(made(frame))) == frame


@pytest.mark.parametrize("row", BAD, ids=[row["name"] for row in BAD])
def test_what_is_malformed_is_refused_with_the_member_named(row: dict[str, Any]) -> None:
    with pytest.raises(WireError) as caught:
        wire.decode_from_phone(row["text"])
    assert caught.value.field
    assert not isinstance(caught.value, wire.OtherVersion)


@pytest.mark.parametrize("row", LINK["versions"], ids=[row["name"] for row in LINK["versions"]])
def test_another_version_is_told_before_anything_else_is_looked_at(row: dict[str, Any]) -> None:
    with pytest.raises(wire.OtherVersion) as caught:
        wire.decode_from_phone(row["text"])
    assert caught.value.version == row["v"]


def test_the_error_names_the_member_deep_inside() -> None:
    frame = VALID["phone", "hello over USB with two SIMs, one of them hidden and locked"]
    broken = {**frame, "sims": [frame["sims"][0], {**frame["sims"][1], "sub": "5"}]}
    with pytest.raises(WireError, match=r"sims\[1\]\.sub: must be a whole number"):
        wire.decode_from_phone(json.dumps(broken))


def test_a_hello_is_read_whole() -> None:
    one = read("hello over USB with two SIMs, one of them hidden and locked")
    assert (one.way, one.now_ms, one.app_name, one.model, one.sdk) == (
        "usb",
        1770000000000,
        "1.0.0",
        "Pixel 4a",
        33,
    )
    assert [(each.sub, each.iccid, each.state) for each in one.sims] == [
        (3, "8944500612345678901", "ready"), (5, None, "pin"),
    ]  # fmt: skip
    assert (one.health.battery, one.health.temperature_c) == (81, 29.5)
    assert (one.health.limit.parts, one.health.limit.window_s) == (30, 60)


def test_events_are_read_with_every_member() -> None:
    assert read("sent, rejected with a cause of the network") == wire.SentEvent(
        42, 1770000001001, "01930b1e-9c2a-7d11-8e22-aabbccddeeff", 2, 10, 21
    )
    text = read("text of the inbox with umlauts and emoji")
    assert (text.sender, text.sent_at_ms) == ("+447700900456", 1770000004500)
    assert text.text.startswith("Grüße 👩‍👩‍👧 \n")
    assert read("inbound of two PDUs in lower case").pdus[0].startswith("0791")


def test_nulls_may_be_left_out_as_android_does() -> None:
    frame = VALID["phone", "hello over USB with two SIMs, one of them hidden and locked"]
    thin = {
        **frame,
        "sims": [{"sub": 3, "state": "ready"}],
        "health": {},
    }
    one = wire.decode_from_phone(json.dumps(thin))
    assert isinstance(one, wire.Hello)
    assert (one.sims[0].iccid, one.health.battery, one.health.missing_permissions) == (None, None, ())


def test_a_phone_with_more_sims_than_exist_is_not_believed() -> None:
    many = {"t": "sims", "sims": [{"sub": sub, "state": "ready"} for sub in range(17)]}
    with pytest.raises(WireError, match="at most 16"):
        wire.decode_from_phone(json.dumps(many))


@pytest.mark.parametrize("warm", ["29.5", True, 1e300])
def test_a_temperature_is_a_number_that_can_be(warm: object) -> None:
    with pytest.raises(WireError, match=r"health\.temperature_c"):
        wire.decode_from_phone(json.dumps({"t": "health", "health": {"temperature_c": warm}}))


def test_names_are_cut_to_what_can_be_shown() -> None:
    said = wire.decode_from_phone(
        json.dumps({"t": "sims", "sims": [{"sub": 1, "state": "ready", "operator": "x" * 10_000}]})
    )
    assert isinstance(said, wire.SimsChanged)
    assert said.sims[0].operator == "x" * 200


@pytest.mark.parametrize(
    "text",
    [
        '{"t":"taken","job":"a","n":NaN}', '{"t":"taken","job":"a","n":' + "9" * 5000 + "}", "[" * 100_000,
        '{"t":"taken","job":"a"} trailing', '{"t":"event","id":9007199254740992,"kind":"sent"}', "\ufeff{}",
    ],
)  # fmt: skip
def test_hostile_json_is_malformed_and_nothing_worse(text: str) -> None:
    with pytest.raises(WireError):
        wire.decode_from_phone(text)


def test_half_a_surrogate_pair_is_replaced_so_that_the_text_can_be_stored() -> None:
    said = wire.decode_from_phone(
        '{"t":"event","id":1,"kind":"text","sub":3,"from":"+44","text":"a\\ud83dz \\ud83d\\ude42",'
        '"sent_at_ms":null,"at_ms":1,"row":1}'
    )
    assert isinstance(said, wire.TextEvent)
    assert said.text == "a\ufffdz 🙂"


@given(st.text(alphabet=st.characters(codec=None)))
def test_clean_text_is_always_utf8(text: str) -> None:
    assert clean(text).encode().decode() == clean(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["t", "v", "kind", "id", "job", "sims", "health", "jobs", "re", "pdus", "at_ms"]), inner
) | st.lists(inner)))  # fmt: skip
def test_any_json_is_a_message_or_malformed(value: object) -> None:
    with suppress(WireError):
        message = wire.decode_from_phone(json.dumps(value))
        assert isinstance(message, tuple(PHONE_TYPES.values()))


# ------------------------------------------------------------------ pairing


@pytest.mark.parametrize("row", LINK["codes"], ids=[row["typed"] or "nothing" for row in LINK["codes"]])
def test_a_typed_code_means_what_was_shown(row: dict[str, str]) -> None:
    assert pairing.normalise(row["typed"]) == row["code"]


@pytest.mark.parametrize("row", LINK["proofs"], ids=[row["typed"] for row in LINK["proofs"]])
@pytest.mark.parametrize("code", ["code", "typed"])
def test_both_proofs_are_those_of_the_contract(row: dict[str, str], code: str) -> None:
    assert pairing.phone_proof(row[code], row["nonce"], row["install"], row["pin"]) == row["phone_proof"]
    made = pairing.gateway_proof(row[code], row["nonce"], row["gateway"], row["key"], row["pin"])
    assert pairing.matches(made.upper(), row["gateway_proof"])


@pytest.mark.parametrize("other", ["code", "nonce", "install", "pin"])
def test_a_proof_is_another_when_anything_in_it_is(other: str) -> None:
    row = LINK["proofs"][1]
    said = {name: row[name] for name in ("code", "nonce", "install", "pin")}
    said[other] = said[other][:-1] + ("1" if said[other][-1] != "1" else "2")
    assert not pairing.matches(pairing.phone_proof(**said), row["phone_proof"])


def test_codes_are_made_of_the_alphabet_and_survive_typing() -> None:
    code = pairing.make_code(26, bytes(range(230, 256)))
    assert len(code) == 26
    assert pairing.normalise(code.lower()) == code
    assert {char for octet in range(256) for char in pairing.make_code(1, bytes([octet]))} == set(
        pairing.ALPHABET
    )


def test_a_code_needs_an_octet_of_chance_for_each_character() -> None:
    with pytest.raises(ValueError, match="26 characters need as many octets, not 8"):
        pairing.make_code(26, bytes(8))
