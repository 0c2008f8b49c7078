"""Proves how the reasons of what waits look: times in the reader's own zone, names of lines as text."""

from __future__ import annotations

import pytest

from gateway.web.shown import because


def test_times_in_a_reason_look_as_all_other_times() -> None:
    shown = because("2 lines send 60 parts a minute; quiet hours hold until 2026-11-29 08:00 UTC")
    assert '<time datetime="2026-11-29T08:00:00.000Z"' in shown
    assert "hold until 2026" not in shown


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("", "<bdi></bdi>"),
        (None, "<bdi></bdi>"),
        ("<b> sends 30 parts a minute", "<bdi>&lt;b&gt; sends 30 parts a minute</bdi>"),
        ("2026-99-99 99:99 UTC sends", "<bdi>2026-99-99 99:99 UTC sends</bdi>"),
    ],
)
def test_a_reason_is_shown_as_text_whatever_a_line_is_called(reason: str | None, shown: str) -> None:
    assert because(reason) == shown
