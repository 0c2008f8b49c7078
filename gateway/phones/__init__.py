"""Owns the phones' side of the gateway: the door of their link, pairing, listeners, cables, what people ask of them.

Knows no message and no HTTP route; :class:`gateway.phones.side.PhoneSide` puts its rooms together.
Source: docs/link.md; rules CMP.
"""
