"""What the configuration says of phones: which sections load, which are refused, and which SIM they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_bridge.device import LineIdentity
from gateway.config import Config, ConfigError, load
from gateway.startup import line_settings, phone_line_settings

ICCID = "8944500612345678901"
SIM_1 = LineIdentity(ICCID, ICCID, None, "+447700900101")
HIDDEN = LineIdentity("sub:3f2b8c1e-6a54-4d0b-9c57-0d6f1f2a7e11:5", None, None)


def config_of(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, {})


def test_phones_are_looked_for_and_nothing_is_done_to_them_unasked() -> None:
    adb = Config().adb
    assert (adb.enabled, adb.provision, adb.raise_limit, adb.may_reboot) == (True, "ask", False, False)
    assert adb.server == "127.0.0.1:5037"


def test_the_listener_for_phones_has_a_port_of_its_own() -> None:
    assert (Config().link.host, Config().link.port) == ("0.0.0.0", 8443)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[adb]\nserver = "5037"', 'adb.server: "5037" lacks a host or a port'),
        ('[adb]\nserver = "127.0.0.1:99999"', 'adb.server: "127.0.0.1:99999" lacks a host or a port'),
        ('[adb]\nprovision = "yes"', "adb.provision: must be 'ask', 'auto' or 'off'"),
        ('[link]\nhost = "sms.lan"', 'link.host: "sms.lan" is not an address to listen on'),
        ('[[phone]]\nlabel = "x"', "phone[0].serial: is required"),
        ('[[phone]]\nserial = "; rm -rf /"', "is not a serial number of a phone"),
        ('[[phone]]\nserial = "R5"\nsims = ["SIM 1"]', '"SIM 1" names no SIM'),
        ('[[phone]]\nserial = "R5"\npool = "sandbox"', '"sandbox" is the pool of emulated lines'),
        ('[[phone]]\nserial = "R5"\n[[phone]]\nserial = "R5"', "phone.serial R5 stands twice"),
        ('[[phone]]\nserail = "R5"', "did you mean phone.serial?"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, text)
    assert said in str(caught.value)


def test_a_phone_may_stand_twice_with_different_sims(tmp_path: Path) -> None:
    text = '[[phone]]\nserial = "R5"\nsims = ["sub:5"]\n[[phone]]\nserial = "R5"\n'
    assert len(config_of(tmp_path, text).phone) == 2


def test_a_sim_that_is_named_goes_before_the_whole_phone(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        '[[phone]]\nserial = "R5"\nlabel = "Phone"\n'
        f'[[phone]]\nserial = "R5"\nlabel = "Shop"\npool = "otp"\nsims = ["{ICCID}"]\n',
    )
    shop, other = (phone_line_settings(config, "R5", sim) for sim in (SIM_1, HIDDEN))
    assert (shop.label, shop.pools) == ("Shop", ("otp",))
    assert (other.label, other.pools) == ("Phone", ("default",))


@pytest.mark.parametrize(("name", "sim"), [(ICCID, SIM_1), ("+44 7700 900101", SIM_1), ("sub:5", HIDDEN)])
def test_a_sim_is_named_by_iccid_number_or_subscription(tmp_path: Path, name: str, sim: LineIdentity) -> None:
    config = config_of(tmp_path, f'[[phone]]\nserial = "R5"\nlabel = "Shop"\nsims = ["{name}"]\n')
    assert phone_line_settings(config, "R5", sim).label == "Shop"


def test_what_is_said_of_one_phone_is_not_said_of_another(tmp_path: Path) -> None:
    config = config_of(tmp_path, '[[phone]]\nserial = "R5"\nlabel = "Shop"\n')
    assert phone_line_settings(config, "R6", SIM_1).label is None
    assert phone_line_settings(config, None, SIM_1).label is None


def test_a_line_by_its_number_goes_before_its_phone(tmp_path: Path) -> None:
    text = '[[phone]]\nserial = "R5"\nlabel = "Phone"\n[[line]]\nnumber = "+447700900101"\nlabel = "Office"\n'
    assert phone_line_settings(config_of(tmp_path, text), "R5", SIM_1).label == "Office"


@pytest.mark.parametrize("own", [None, "+99900010001"])
def test_a_line_by_the_number_that_its_modems_section_tells_is_that_line(
    tmp_path: Path, own: str | None
) -> None:
    text = (
        '[[modem]]\nport = "/dev/ttyUSB0"\nnumber = "+447700900101"\nlabel = "Modem"\n'
        '[[line]]\nnumber = "+447700900101"\nlabel = "Office"\nper_day = 5\nquiet_hours = "21:00-08:00"\n'
    )
    config = config_of(tmp_path, text)
    settings = line_settings(config, config.modem[0], LineIdentity(ICCID, ICCID, None, own))
    assert (settings.label, settings.number, settings.per_day) == ("Office", "+447700900101", 5)
    assert settings.quiet_hours == "21:00-08:00"


def test_environment_variables_reach_the_new_sections() -> None:
    assert load(None, {"GATEWAY__ADB__ENABLED": "false"}).adb.enabled is False
    assert load(None, {"GATEWAY__LINK__PUBLIC_NAMES": "a.lan,10.0.0.5"}).link.public_names == (
        "a.lan",
        "10.0.0.5",
    )
