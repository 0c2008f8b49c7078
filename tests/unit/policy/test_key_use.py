"""Proves which addresses are one network, as rules KEY-8 counts them."""

from __future__ import annotations

import pytest

from gateway.own_address import is_this_machine
from gateway.policy.key_use import THIS_MACHINE, network_of

NETWORKS = {
    "10.0.3.7": "10.0.3.0/24",
    "10.0.3.255": "10.0.3.0/24",
    "::ffff:10.0.3.7": "10.0.3.0/24",
    "2001:db8:1:2:3::4": "2001:db8:1:2::/64",
    "fe80::1%eth0": "fe80::/64",
    "127.0.0.1": THIS_MACHINE,
    "127.8.8.8": THIS_MACHINE,
    "::1": THIS_MACHINE,
    "::ffff:127.0.0.1": THIS_MACHINE,
    "192.168.1.5": THIS_MACHINE,
    "": None,
    "unix:": None,
    "10.0.3": None,
}


@pytest.mark.parametrize(("address", "network"), NETWORKS.items())
def test_KEY_8_a_network_is_a_24_or_a_64_and_all_of_this_machine_is_one(
    address: str, network: str | None
) -> None:
    assert network_of(address, lambda ip: str(ip) == "192.168.1.5") == network


def test_the_kernel_says_which_addresses_are_ours() -> None:
    assert network_of("127.0.0.1", is_this_machine) == THIS_MACHINE
    assert network_of("192.0.2.1", is_this_machine) == "192.0.2.0/24"
