"""Proves how `gateway emulate` ends where it cannot begin."""

from __future__ import annotations

import socket

import pytest

from gateway.cli import main


def test_a_port_that_another_program_has_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["emulate", "--tcp", str(port)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"error: port {port} is in use by another program",
        "hint:  choose another one: --tcp PORT",
    ]
