"""Which country a SIM is from, and when that decides how a number is read."""

from __future__ import annotations

from dataclasses import replace

import phonenumbers
import pytest

from gateway.composition import AdmissionSettings, Composer
from gateway.errors import GatewayError
from gateway.policy.country import COUNTRY_OF_MCC, country_of_imsi, country_of_sim
from gateway.routing import home_country
from gateway.store.rows import LineRow


def line(imsi: str | None, *, emulated: bool = False) -> LineRow:
    return LineRow(
        id=imsi or "hidden", tenant="default", key=f"imsi:{imsi}", iccid=None, imsi=imsi, number=None, label=None,
        pools=("default",), device_id=None, state="up", reason=None, paused=False, operator=None, signal_dbm=None,
        roaming=None, smsc=None, store_used=None, store_total=None, emulated=emulated, per_minute=None,
        per_day=None, last_seen_ms=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("imsi", "country"),
    [
        ("234150000000001", "GB"), ("310260000000001", "US"), ("262011234567890", "DE"), ("208201234567890", "FR"),
        ("505013456789012", "AU"), ("404101234567890", "IN"), ("001010000000001", None), ("901700000000001", None),
        (None, None), ("", None),
    ],
)  # fmt: skip
def test_the_head_of_an_imsi_names_the_country(imsi: str | None, country: str | None) -> None:
    assert country_of_imsi(imsi) == country


def test_every_country_has_a_numbering_plan() -> None:
    unknown = {
        country for country in COUNTRY_OF_MCC.values() if phonenumbers.country_code_for_region(country) == 0
    }
    assert unknown == set()


def test_only_real_sims_of_one_country_decide() -> None:
    gb, gb2, fr, hidden = (
        line("234150000000001"),
        line("235940000000001"),
        line("208200000000001"),
        line(None),
    )
    emulated = line("001010000000001", emulated=True)
    assert home_country((gb, gb2, emulated)) == "GB"
    assert home_country((gb, fr)) is None
    assert home_country((gb, hidden)) is None
    assert home_country((emulated,)) is None
    assert home_country(()) is None


def test_NUM_4_NUM_6_the_card_says_what_short_codes_mean_where_a_phone_hides_its_imsi() -> None:
    composer = Composer(AdmissionSettings())
    french = replace(line(None), iccid="8933011234567890123")
    for written, code in (("3639", "premium_number"), ("15", "emergency_number")):
        with pytest.raises(GatewayError) as refused:
            composer.recipient(written, (french,))
        assert refused.value.code == code
    with pytest.raises(GatewayError) as unknown:
        composer.recipient("3639", (line(None),))
    assert unknown.value.code == "short_code_not_allowed"


def test_PMP_1_a_sim_that_hides_its_imsi_is_known_by_its_card_or_its_number() -> None:
    assert country_of_sim("234150000000001", None, None) == "GB"
    assert country_of_sim(None, "8944110068000000001", None) == "GB"
    assert country_of_sim(None, "893301234567890123", None) == "FR"
    assert country_of_sim("001010000000001", None, "+353851234567") == "IE"
    assert country_of_sim(None, "8988301234567890123", None) is None
    assert country_of_sim(None, None, None) is None
