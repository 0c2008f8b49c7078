"""What arrives at a modem: told once, kept by the modem until we say so, acknowledged before the next text."""

from __future__ import annotations

import asyncio

import pytest

from device_bridge.device import InboundReceived, PartSent, ReportReceived
from tests.peers.modem_driving import QUICK, Driven, attempt, driven, outcomes
from tests.peers.modem_peer import DELIVER, DELIVER_LENGTH, REPORT, REPORT_LENGTH, Behaviour, ModemPeer

DELIVER_TPDU = bytes.fromhex(DELIVER[16:])
REPORT_TPDU = bytes.fromhex(REPORT[16:])


def another(pdu: str, octet: int) -> str:
    """The same PDU with another last octet: another message."""
    return f"{pdu[:-2]}{octet:02X}"


def put(one: Driven, store: str, index: int, pdu: str, length: int) -> None:
    one.peer.stores[store][index] = (0, pdu, length)


async def test_a_stored_report_is_read_told_and_erased_after_its_acknowledgement() -> None:
    async with driven() as one:
        put(one, "SM", 3, REPORT, REPORT_LENGTH)
        one.peer.say('+CDSI: "SM",3')
        report = await one.event(ReportReceived)
        assert report.tpdu == REPORT_TPDU
        assert report.line_key == one.line.identity.key
        await one.settled()
        assert 3 in one.peer.stores["SM"]  # W3: not before our commit
        await one.modem.acknowledge(report.event_id)
        await one.peer.until(lambda: not one.peer.stores["SM"])


async def test_a_stored_text_is_told_with_its_service_centre_and_erased_after_its_acknowledgement() -> None:
    async with driven() as one:
        put(one, "ME", 0, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "ME",0')
        text = await one.event(InboundReceived)
        assert (text.tpdu, text.smsc) == (DELIVER_TPDU, "+35844747020")
        await one.modem.acknowledge(text.event_id)
        await one.peer.until(lambda: not one.peer.stores["ME"])


async def test_a_modem_that_says_ok_and_does_not_do_it_is_found_out() -> None:
    class Liar(ModemPeer):
        def _set_cnmi(self, line: str) -> list[str]:
            answer = super()._set_cnmi(line)
            if self.cnmi[3] == 2:
                self.cnmi[3] = 0
            return answer

    async with driven(peer=Liar()) as one:
        assert (one.peer.csms, one.peer.cnmi[3]) == (1, 1)


async def test_reports_that_come_directly_are_acknowledged_to_the_network_after_the_commit() -> None:
    async with driven(Behaviour(ds_offered="(0,1)")) as one:
        assert (one.peer.csms, one.peer.cnmi[3]) == (1, 1)
        one.peer.say(f"+CDS: {REPORT_LENGTH}\r\n{REPORT}")
        report = await one.event(ReportReceived)
        await one.settled()
        assert "AT+CNMA" not in one.peer.commands
        await one.modem.acknowledge(report.event_id)
        await one.peer.until(lambda: one.peer.commands[-1] == "AT+CNMA")


async def test_a_modem_that_acknowledges_by_itself_is_not_asked_to() -> None:
    async with driven(Behaviour(ds_offered="(0,1)", csms_offered=False)) as one:
        assert (one.peer.csms, one.peer.cnmi[3]) == (0, 1)
        one.peer.say(f"+CDS: ,{REPORT_LENGTH}\r\n{REPORT}")  # the comma of ZTE sticks
        report = await one.event(ReportReceived)
        await one.modem.acknowledge(report.event_id)
        await one.settled()
        assert "AT+CNMA" not in one.peer.commands


async def test_acknowledgements_that_a_modem_never_expects_are_given_up() -> None:
    answers: dict[str, str | list[str] | None] = {"AT+CNMA": "+CMS ERROR: 340", "AT+CNMA=?": ["OK"]}
    async with driven(Behaviour(ds_offered="(0,1)", answers=answers)) as one:
        for octet in range(5):
            one.peer.say(f"+CDS: {REPORT_LENGTH}\r\n{another(REPORT, octet)}")
            report = await one.event(ReportReceived, lambda event, octet=octet: event.tpdu[-1] == octet)  # type: ignore[misc]
            await one.modem.acknowledge(report.event_id)
            await one.settled()
        assert one.peer.commands.count("AT+CNMA") == 3


async def test_a_report_between_prompt_and_pdu_reaches_us_and_the_text_goes_out() -> None:
    behaviour = Behaviour(after_prompt=[f"+CDS: {REPORT_LENGTH}\r\n{REPORT}"])
    async with driven(behaviour) as one:
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)
        assert (await one.event(ReportReceived)).tpdu == REPORT_TPDU


async def test_pending_acknowledgements_go_before_the_next_text() -> None:
    async with driven(Behaviour(verdict=lambda _: None)) as one:
        put(one, "SM", 1, REPORT, REPORT_LENGTH)
        first = asyncio.ensure_future(outcomes(one.line, attempt("a1")))
        await one.peer.until(lambda: bool(one.peer.on_air))
        second = asyncio.ensure_future(outcomes(one.line, attempt("a2")))
        await asyncio.sleep(0)
        one.peer.say('+CDSI: "SM",1')
        one.peer.will.verdict = None
        one.peer.say("+CMGS: 1", "OK")
        await asyncio.gather(first, second)
        order = [line[:7] for line in one.peer.commands if line.startswith(("AT+CMGS", "AT+CMGR"))]
        assert order == ["AT+CMGS", "AT+CMGR", "AT+CMGS"]


@pytest.mark.parametrize("again", ["+CMTI", "direct", "other store"])
async def test_the_same_octets_before_their_acknowledgement_are_one_event(again: str) -> None:
    async with driven() as one:
        put(one, "SM", 5, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",5')
        text = await one.event(InboundReceived)
        if again == "+CMTI":
            one.peer.say('+CMTI: "SM",5')
        elif again == "direct":
            one.peer.say(f"+CMT: ,{DELIVER_LENGTH}\r\n{DELIVER}")
        else:
            put(one, "ME", 2, DELIVER, DELIVER_LENGTH)
            one.peer.say('+CMTI: "ME",2')
        await outcomes(one.line, attempt())
        await one.settled()
        assert one.count(InboundReceived) == 1
        await one.modem.acknowledge(text.event_id)
        await one.peer.until(lambda: not one.peer.stores["SM"] and not one.peer.stores["ME"])


async def test_what_lay_in_both_stores_is_told_at_opening_and_drafts_are_left_alone() -> None:
    peer = ModemPeer()
    peer.stores["SM"] = {1: (0, DELIVER, DELIVER_LENGTH), 2: (3, "00" + DELIVER[16:], DELIVER_LENGTH)}
    peer.stores["ME"] = {0: (1, REPORT, REPORT_LENGTH)}
    async with driven(peer=peer) as one:
        text, report = await one.event(InboundReceived), await one.event(ReportReceived)
        for event in (text, report):
            await one.modem.acknowledge(event.event_id)
        await peer.until(lambda: list(peer.stores["SM"]) == [2] and not peer.stores["ME"])
        assert one.count(InboundReceived) == 1


async def test_a_store_that_cannot_be_listed_is_read_slot_by_slot() -> None:
    peer = ModemPeer(Behaviour(answers={"AT+CMGL*": "ERROR"}))
    peer.stores["SM"] = {7: (0, DELIVER, DELIVER_LENGTH)}
    async with driven(peer=peer) as one:
        assert (await one.event(InboundReceived)).tpdu == DELIVER_TPDU


async def test_a_slot_that_cannot_be_erased_is_told_once_and_tried_again() -> None:
    async with driven(Behaviour(answers={"AT+CMGD*": "+CMS ERROR: 320"})) as one:
        put(one, "SM", 4, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",4')
        await one.modem.acknowledge((await one.event(InboundReceived)).event_id)
        await one.settled()
        one.peer.will.answers.clear()
        one.peer.say('^SMMEMFULL: "SM"')
        await one.peer.until(lambda: not one.peer.stores["SM"])
        assert one.count(InboundReceived) == 1


async def test_a_slot_that_is_used_again_is_a_new_message() -> None:
    async with driven() as one:
        for octet in (1, 2):
            put(one, "SM", 1, another(DELIVER, octet), DELIVER_LENGTH)
            one.peer.say('+CMTI: "SM",1')
            text = await one.event(InboundReceived, lambda event, octet=octet: event.tpdu[-1] == octet)  # type: ignore[misc]
            await one.modem.acknowledge(text.event_id)
            await one.peer.until(lambda: not one.peer.stores["SM"])
        assert one.count(InboundReceived) == 2


async def test_a_full_store_is_emptied_when_the_modem_says_so() -> None:
    async with driven() as one:
        for index in range(3):
            put(one, "SM", index, another(DELIVER, index), DELIVER_LENGTH)
        one.peer.say('^SMMEMFULL: "SM"')
        for index in range(3):
            text = await one.event(InboundReceived, lambda event, index=index: event.tpdu[-1] == index)  # type: ignore[misc]
            await one.modem.acknowledge(text.event_id)
        await one.peer.until(lambda: not one.peer.stores["SM"])


async def test_a_nearly_full_store_shows_in_the_health() -> None:
    peer = ModemPeer()
    peer.stores["SM"] = {index: (0, another(DELIVER, index), DELIVER_LENGTH) for index in range(15)}
    async with driven(peer=peer) as one:
        health = await one.line.health()
        assert (health.store_used, health.store_total) == (15, 20)


async def test_a_text_in_a_store_other_than_the_one_named_is_found() -> None:
    async with driven() as one:
        put(one, "ME", 9, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",9')
        assert (await one.event(InboundReceived)).tpdu == DELIVER_TPDU


async def test_an_announcement_with_its_kind_behind_is_read() -> None:
    async with driven() as one:
        put(one, "SM", 2, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",2,"MMS PUSH",1,0')
        assert (await one.event(InboundReceived)).tpdu == DELIVER_TPDU


async def test_a_modem_that_keeps_no_texts_is_asked_to_route_them() -> None:
    async with driven() as one:
        assert one.peer.cnmi[1] == 1
        one.peer.say("+CMTI: ,-1")
        await one.peer.until(lambda: one.peer.cnmi[1] == 2)
        one.peer.say(f'+CMT: "",{DELIVER_LENGTH}\r\n{DELIVER}')
        assert (await one.event(InboundReceived)).tpdu == DELIVER_TPDU


async def test_octets_that_are_no_message_are_kept_as_they_came() -> None:
    async with driven() as one:
        one.peer.say("+CMT: ,4\r\nFFFFFFFF")
        assert (await one.event(InboundReceived)).tpdu == bytes.fromhex("FFFFFFFF")
        assert isinstance((await outcomes(one.line, attempt()))[0], PartSent)


@pytest.mark.parametrize("length", [DELIVER_LENGTH, DELIVER_LENGTH + 8, 3])
async def test_a_length_that_counts_the_service_centre_or_is_wrong_changes_nothing(length: int) -> None:
    async with driven() as one:
        put(one, "SM", 2, DELIVER, length)
        one.peer.say('+CMTI: "SM",2')
        assert (await one.event(InboundReceived)).tpdu == DELIVER_TPDU


async def test_a_pdu_without_a_service_centre_is_told_whole() -> None:
    async with driven() as one:
        put(one, "SM", 2, DELIVER[16:], DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",2')
        text = await one.event(InboundReceived)
        assert (text.tpdu, text.smsc) == (DELIVER_TPDU, None)


async def test_indications_that_the_modem_switched_off_during_a_long_submit_are_set_again() -> None:
    timers = type(QUICK)(**{name: getattr(QUICK, name) for name in QUICK.__slots__} | {"long_submit_s": 0.0})
    async with driven(timers=timers) as one:
        one.peer.cnmi = [0, 0, 0, 0, 0]
        put(one, "SM", 6, REPORT, REPORT_LENGTH)
        await outcomes(one.line, attempt())
        await one.peer.until(lambda: one.peer.cnmi[3] == 2)
        assert (await one.event(ReportReceived)).tpdu == REPORT_TPDU


async def test_a_refused_acknowledgement_makes_us_look_at_the_indications() -> None:
    answers: dict[str, str | list[str] | None] = {"AT+CNMA": "+CMS ERROR: 500", "AT+CNMA=?": ["OK"]}
    async with driven(Behaviour(ds_offered="(0,1)", answers=answers)) as one:
        one.peer.say(f"+CDS: {REPORT_LENGTH}\r\n{REPORT}")
        report = await one.event(ReportReceived)
        one.peer.cnmi = [0, 0, 0, 0, 0]
        await one.modem.acknowledge(report.event_id)
        await one.peer.until(lambda: one.peer.cnmi[3] == 1)


async def test_an_event_that_was_taken_but_never_acknowledged_is_told_again_after_a_break() -> None:
    async with driven() as one:
        put(one, "SM", 1, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",1', f"+CDS: {REPORT_LENGTH}\r\n{REPORT}")
        await one.event(InboundReceived)
        await one.event(ReportReceived)
        one.peer.unplug()
        await asyncio.wait_for(one.ended.wait(), 30)
        before, one.events = one.events, []
        await one.open()
        text, report = await one.event(InboundReceived), await one.event(ReportReceived)
        assert {text, report} <= set(before)
        await one.settled()
        assert (one.count(InboundReceived), one.count(ReportReceived)) == (1, 1)
        await one.modem.acknowledge(text.event_id)
        await one.peer.until(lambda: not one.peer.stores["SM"])


async def test_a_slot_of_before_a_break_is_not_erased_when_it_holds_another_message_now() -> None:
    async with driven() as one:
        put(one, "SM", 1, DELIVER, DELIVER_LENGTH)
        one.peer.say('+CMTI: "SM",1')
        old = await one.event(InboundReceived)
        one.peer.unplug()
        await asyncio.wait_for(one.ended.wait(), 30)
        put(one, "SM", 1, another(DELIVER, 9), DELIVER_LENGTH)
        await one.open()
        new = await one.event(InboundReceived, lambda event: event.tpdu[-1] == 9)
        await one.modem.acknowledge(old.event_id)
        await one.settled()
        assert 1 in one.peer.stores["SM"]
        await one.modem.acknowledge(new.event_id)
        await one.peer.until(lambda: not one.peer.stores["SM"])


async def test_an_unknown_event_is_acknowledged_without_a_word() -> None:
    async with driven() as one:
        await one.settled()
        before = set(one.peer.commands)
        await one.modem.acknowledge("nobody knows")
        await one.settled()
        assert set(one.peer.commands) == before
