"""Owns the proof of what an organisation has decided where the configuration leaves it to the machine: its zone.

Source: POSIX.1-2017 §8.3 (TZ); tzset(3) (a leading colon, a path).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import organisation
from gateway.config import load
from gateway.organisation import limits_of, zone_of
from gateway.policy.quiet_hours import LineHours

PARIS_BY_RULE = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture
def localtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's link to its zone, which is Berlin's."""
    file = tmp_path / "zoneinfo" / "Europe" / "Berlin"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    link = tmp_path / "localtime"
    link.symlink_to(file)
    monkeypatch.setattr(organisation, "LOCALTIME", link)
    monkeypatch.delenv("TZ", raising=False)
    return link


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("Europe/London", "Europe/London"),
        (":Europe/London", "Europe/London"),
        ("", "Europe/Berlin"),
        (PARIS_BY_RULE, "Europe/Berlin"),
        (":/etc/no-such-file", "Europe/Berlin"),
        ("Europe", "Europe/Berlin"),
        ("No/Where", "Europe/Berlin"),
    ],
)
def test_the_zone_of_the_machine_is_that_of_TZ_where_it_names_one_else_that_of_its_link(
    localtime: Path, monkeypatch: pytest.MonkeyPatch, said: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", said)
    assert zone_of(load(None, {})) == zone


def test_a_TZ_that_is_the_path_of_a_zone_names_it(localtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", f":{localtime}")
    localtime.parent.joinpath("other").write_bytes(b"")
    monkeypatch.setattr(organisation, "LOCALTIME", localtime.parent / "other")
    assert zone_of(load(None, {})) == "Europe/Berlin"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_machine_without_a_named_zone_counts_by_UTC(
    localtime: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    localtime.unlink()
    if is_there:
        localtime.write_bytes(b"TZif2")
    monkeypatch.setenv("TZ", PARIS_BY_RULE)
    assert zone_of(load(None, {})) == "UTC"


def test_quiet_hours_of_a_line_are_kept_whatever_TZ_says(
    localtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", PARIS_BY_RULE)
    zone = limits_of(load(None, {})).zone
    assert LineHours("21:00-08:00", zone).next_open_ms(0) is not None
