"""Owns findings about what the configuration lets happen: an API that others reach without TLS.

Knows the configuration's values and nothing of the machine.
Source: rules API-16, TLS-1; docs/running.md.
"""

from __future__ import annotations

from gateway.config import Config
from gateway.doctor.finding import Finding
from gateway.loopback import is_loopback


def examine_configuration(config: Config) -> list[Finding]:
    """Look at facts of the configuration that nobody is told of otherwise."""
    server = config.server
    behind_tls = server.public_url is not None and server.public_url.startswith("https://")
    if is_loopback(server.host) or server.tls_cert is not None or (behind_tls and server.trusted_proxies):
        return [Finding("http", "ok", "server", "The API is reached on this machine only, or over TLS")]
    return [
        Finding(
            "http_exposed",
            "trouble",
            "server",
            f"Other machines reach the API at {server.host} without TLS",
            "Whoever can listen in on the network reads keys, numbers and texts.",
            "Set server.tls_cert and server.tls_key, or server.host back to 127.0.0.1.",
            steps=(
                "Get a certificate for this machine, or put a proxy with TLS before the gateway.",
                "Set server.tls_cert and server.tls_key (behind a proxy: server.host, public_url, trusted_proxies).",
                "Start the gateway again.",
            ),
        )
    ]
