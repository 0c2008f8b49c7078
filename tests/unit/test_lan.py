"""Which address a phone of the LAN is told first."""

from __future__ import annotations

from gateway.phones.lan import in_order


def test_the_default_route_comes_first_and_containers_and_vpns_last() -> None:
    interfaces = (
        ("lo", "127.0.0.1"), ("docker0", "172.17.0.1"), ("wg0", "10.9.0.2"), ("eth0", "192.168.1.5"),
        ("wlan0", "192.168.7.9"), ("usb0", "169.254.3.3"),
    )  # fmt: skip
    assert in_order(("192.168.7.9",), interfaces) == ("192.168.7.9", "192.168.1.5", "172.17.0.1", "10.9.0.2")


def test_a_vpn_that_took_the_default_route_still_comes_last() -> None:
    assert in_order(("10.8.0.6",), (("tun0", "10.8.0.6"), ("wlan0", "192.168.7.9"))) == (
        "192.168.7.9",
        "10.8.0.6",
    )


def test_without_a_network_there_is_no_address() -> None:
    assert in_order((), (("lo", "127.0.0.1"),)) == ()
