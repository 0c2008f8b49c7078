"""Owns: which URLs and addresses a webhook may ask (rules SSRF-2 to SSRF-5)."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks import TargetRules, check_target
from gateway.webhooks.networks import ALWAYS_REFUSED, FETCH_PORTS, NEVER_REACHED, refuse_address
from gateway.webhooks.target import TargetRefused, guarded

RULES = TargetRules(own_ports=frozenset({8080}), database_ports=frozenset({5432}))


def rule_of(url: str, rules: TargetRules = RULES) -> str | None:
    refusal = check_target(url, rules)
    return None if refusal is None else refusal.rule


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/hook?token=1",
        "https://93.184.215.14/hook",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/hook",
        "http://192.168.1.5/hook",
        "http://10.1.2.3:8080/hook",
        "http://172.31.0.1:3000",
        "http://100.64.0.1/",
        "http://127.0.0.1:9000/a@b",
        "http://[::1]:9000/",
        "http://[::ffff:127.0.0.1]:9000/",
        "http://[fd12::1]/",
        "http://localhost:9000/",
        "http://hooks.example.org/",
        "HTTPS://EXAMPLE.ORG/",
        "https://bücher.example/",
    ],
)
def test_an_honest_receiver_may_be_asked(url: str) -> None:
    assert check_target(url, RULES) is None


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://169.254.169.254/", "metadata"),
        ("https://169.254.169.254/", "metadata"),
        ("http://100.100.100.200/", "metadata"),
        ("https://168.63.129.16/", "metadata"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://[fd20:ce::254]/", "metadata"),
        ("http://[::ffff:a9fe:a9fe]/", "metadata"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://[64:ff9b::169.254.169.254]/", "metadata"),
        ("http://[2002:a9fe:a9fe::]/", "metadata"),
        ("http://[2001:0:a9fe:a9fe::1]/", "metadata"),
        ("https://[2001:0:5db8:d70e::5601:5601]/", "metadata"),
        ("http://[::169.254.169.254]/", "metadata"),
        ("http://169.254.1.1/", "link_local"),
        ("http://[fe80::1]/", "link_local"),
        ("http://[fec0::1]/", "site_local"),
        ("http://0.0.0.0/", "unspecified"),
        ("http://0.1.2.3/", "unspecified"),
        ("http://[::]/", "unspecified"),
        ("https://224.0.0.1/", "multicast"),
        ("https://[ff02::1]/", "multicast"),
        ("https://240.0.0.1/", "reserved"),
        ("https://255.255.255.255/", "reserved"),
        ("https://192.0.0.8/", "reserved"),
        ("https://[100::1]/", "reserved"),
        ("https://[4000::1]/", "reserved"),
        ("https://[64:ff9b:1::1]/", "reserved"),
        ("https://192.0.2.1/", "documentation"),
        ("https://198.51.100.1/", "documentation"),
        ("https://203.0.113.1/", "documentation"),
        ("https://[2001:db8::1]/", "documentation"),
        ("https://[3fff::1]/", "documentation"),
        ("https://198.18.0.1/", "benchmark"),
        ("https://[2001:2::1]/", "benchmark"),
        ("http://93.184.215.14/", "public_http"),
        ("http://127.0.0.1:8080/", "own_port"),
        ("http://localhost:8080/", "own_port"),
        ("http://x.localhost.:8080/", "own_port"),
        ("http://[::1]:8080/", "own_port"),
        ("http://[::ffff:7f00:1]:8080/", "own_port"),
        ("http://127.9.9.9:8080/", "own_port"),
        ("http://127.0.0.1:5037/", "adb_port"),
        ("http://192.168.1.7:5555/", "adb_port"),
        ("http://127.0.0.1:5585/", "adb_port"),
        ("http://127.0.0.1:5432/", "database_port"),
        ("http://192.168.1.7:25/", "blocked_port"),
        ("http://10.0.0.1:6000/", "blocked_port"),
        ("http://0x7f.1/", "odd_address"),
        ("http://0x7f000001/", "odd_address"),
        ("http://2130706433/", "odd_address"),
        ("http://127.1/", "odd_address"),
        ("http://0177.0.0.1/", "odd_address"),
        ("http://1.2.3.4.5/", "odd_address"),
        ("http://①②⑦.0.0.1/", "odd_address"),
        ("http://127。0。0。1/", "odd_address"),
        ("http://user@example.org/", "userinfo"),
        ("http://user:secret@example.org/", "userinfo"),
        ("http://@example.org/", "userinfo"),
        ("https://example.org/#part", "fragment"),
        ("https://example.org/#", "fragment"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1/", "scheme"),
        ("ftp://example.org/", "scheme"),
        ("//example.org/", "scheme"),
        ("example.org", "scheme"),
        ("", "scheme"),
        ("https://example.org:0/", "port"),
        ("https://example.org:65536/", "url"),
        ("https://example.org:x/", "url"),
        ("https:///hook", "url"),
        ("https://[::1/", "url"),
        ("https://[fe80::1%25eth0]/", "url"),
        ("https://exa mple.org/", "url"),
        ("https://example.org/\r\nX: y", "url"),
        ("http:\\\\127.0.0.1\\", "url"),
        ("https://example.org/" + "x" * 2048, "url"),
    ],
)
def test_a_target_is_refused_by_the_rule_that_fits(url: str, rule: str) -> None:
    assert rule_of(url) == rule


def test_plain_http_to_public_addresses_can_be_allowed() -> None:
    assert rule_of("http://93.184.215.14/", TargetRules(allow_public_http=True)) is None


def test_with_more_than_one_tenant_local_networks_need_an_entry() -> None:
    closed = TargetRules(local_open=False)
    assert rule_of("http://192.168.1.5/", closed) == "local_network"
    assert rule_of("http://localhost:9000/", closed) == "local_network"
    listed = TargetRules(local_open=False, allowed_networks=(ipaddress.ip_network("192.168.1.0/24"),))
    assert rule_of("http://192.168.1.5/", listed) is None
    assert rule_of("http://192.168.2.5/", listed) == "local_network"
    assert rule_of("http://192.168.1.5:5555/", listed) == "adb_port"


def test_another_machines_port_8080_is_not_our_own() -> None:
    assert rule_of("http://192.168.77.5:8080/") is None


def test_a_refusal_says_what_to_do() -> None:
    assert str(check_target("http://93.184.215.14/", RULES)) == (
        "93.184.215.14 is public: use https, or set webhooks.allow_public_http = true"
    )


@pytest.mark.parametrize("rule", sorted({rule for _network, rule in ALWAYS_REFUSED}))
def test_a_refusal_says_what_kind_of_address_it_is_and_not_the_name_of_a_rule(rule: str) -> None:
    network = next(network for network, each in ALWAYS_REFUSED if each == rule)
    refusal = refuse_address(network[0], 443, "https", RULES)
    assert refusal is not None
    assert NEVER_REACHED[refusal.rule] in str(refusal)
    assert "[" not in str(refusal)
    assert "_" not in str(refusal)


@given(st.text(max_size=80) | st.text(max_size=40).map(lambda text: f"http://{text}/"))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    refusal = check_target(text, RULES)
    assert refusal is None or (refusal.rule and refusal.detail)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}"]))
def test_an_ipv4_address_inside_ipv6_is_judged_as_itself(address: ipaddress.IPv4Address, shape: str) -> None:
    inside = ipaddress.ip_address(shape.format(address))
    if int(inside) <= 1:
        return
    assert refuse_address(inside, 443, "https", RULES) == refuse_address(address, 443, "https", RULES)


def test_the_guard_opens_no_socket_for_a_refused_address() -> None:
    guard = guarded("https", RULES)
    with pytest.raises(TargetRefused, match="secrets"):
        guard((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("169.254.169.254", 443)))
    with pytest.raises(TargetRefused, match="link-local"):
        guard((socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("fe80::1%eth0", 443, 0, 2)))
    with guard((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9000))) as opened:
        assert opened.family == socket.AF_INET


def test_the_ports_that_browsers_block_are_blocked_on_local_addresses() -> None:
    assert len(FETCH_PORTS) == 82
    local, public = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("93.184.215.14")
    for port in FETCH_PORTS:
        assert refuse_address(local, port, "https", TargetRules()) is not None
        assert refuse_address(public, port, "https", TargetRules()) is None
