"""Proves what becomes of a text that a phone took and says nothing about: not sent again by itself, not forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device_bridge.companion.settings import PhoneTimers
from device_bridge.device import PartsCap
from tests.harness.gateway_process import until
from tests.harness.phone_rig import phone_rig
from tests.harness.phones import phone
from tests.peers.companion_radio import Fate, RadioSettings

ANN, BOB = "+447700900123", "+447700900124"
IMPATIENT = PhoneTimers(sent_within_s=0.5, per_part_s=0.1)


async def test_an_intent_that_never_comes_leaves_its_message_in_doubt_and_on_air_once(tmp_path: Path) -> None:
    one = phone(tmp_path / "phone")
    one.radio.fates[ANN] = Fate(silent={1}, report=None)
    async with phone_rig(tmp_path, one, IMPATIENT) as rig:
        found = await rig.reaches(await rig.send(ANN), "in_doubt")
        (part,) = await rig.store.parts(found.id)
        assert part.error is not None
        assert part.error.code == "phone_stuck"
        await rig.reaches(await rig.send(BOB), "delivered")
    assert [air["to"] for air in one.radio.aired] == [ANN, BOB]


async def test_a_text_that_was_called_before_a_break_and_never_heard_of_is_in_doubt_after_its_time(
    tmp_path: Path,
) -> None:
    one = phone(tmp_path / "phone")
    one.radio.fates[ANN] = Fate(silent={1}, silent_on_air=False)
    one.faults.at_point = lambda point: one.hang_up() if point == "after_call" else None
    async with phone_rig(tmp_path, one, PhoneTimers(sent_within_s=1.5)) as rig:
        message_id = await rig.send(ANN)
        await one.until(lambda: any(frame["t"] == "jobs" for _, frame in one.frames))
        (answer,) = [frame["jobs"] for _, frame in one.frames if frame["t"] == "jobs"]
        assert [state["state"] for state in answer.values()] == ["called"]
        await rig.reaches(message_id, "submitting")
        await rig.reaches(message_id, "in_doubt")
    assert one.radio.aired == []


async def test_a_phone_that_restarts_with_a_text_on_its_radio_leaves_it_in_doubt_and_goes_on(
    tmp_path: Path,
) -> None:
    """The telephony process dies with the phone: no intent of earlier calls comes any more."""
    one = phone(tmp_path / "phone", radio=RadioSettings(submit_s=60.0))
    async with phone_rig(tmp_path, one, PhoneTimers(sent_within_s=1.5)) as rig:
        message_id = await rig.send(ANN)
        await one.until(lambda: any(frame["t"] == "taken" for _, frame in one.frames))
        await one.stop()
        rig.phone = phone(tmp_path / "phone", forgets=True)
        rig.phone.usb = one.usb
        await rig.phone.start()
        await rig.reaches(message_id, "in_doubt")
        await rig.reaches(await rig.send(BOB), "delivered")
        assert [air["to"] for air in rig.phone.radio.aired] == [BOB]


async def test_a_report_settles_a_text_whose_sent_intent_never_came(tmp_path: Path) -> None:
    one = phone(tmp_path / "phone", radio=RadioSettings(report_s=1.2))
    one.radio.fates[ANN] = Fate(silent={1})
    async with phone_rig(tmp_path, one, IMPATIENT) as rig:
        message_id = await rig.send(ANN)
        await rig.reaches(message_id, "in_doubt")
        await rig.reaches(message_id, "delivered")
    assert len(one.radio.aired) == 1


async def test_the_dialog_of_the_limit_is_in_doubt_until_somebody_taps_allow_and_lowers_the_pace(
    tmp_path: Path,
) -> None:
    one = phone(tmp_path / "phone")
    one.sims = {sub: replace(sim, iccid=None) for sub, sim in one.sims.items()}
    async with phone_rig(tmp_path, one, IMPATIENT) as rig:
        one.radio.settings.limit_parts = 0
        message_id = await rig.send(ANN)
        await rig.reaches(message_id, "in_doubt")
        assert one.radio.aired == []
        assert rig.device.cap == PartsCap(25, 1800)
        assert rig.device.info.notes
        one.radio.answer_dialog(allow=True)
        await rig.reaches(message_id, "delivered")
    assert len(one.radio.aired) == 1


async def test_the_dialog_denied_sends_the_text_later_and_says_that_android_paused(tmp_path: Path) -> None:
    one = phone(tmp_path / "phone")
    async with phone_rig(tmp_path, one, PhoneTimers()) as rig:
        one.radio.settings.limit_parts = 0
        message_id = await rig.send(ANN)
        await until(lambda: bool(one.radio.dialog), "the dialog is up")
        one.radio.settings.limit_parts = 30
        one.radio.answer_dialog(allow=False)
        found = await rig.reaches(message_id, "queued")
        assert found.error is not None
        assert found.error.code == "phone_cap"
    assert one.radio.aired == []
