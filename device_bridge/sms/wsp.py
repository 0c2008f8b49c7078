"""Owns the values of WSP binary headers: lengths, texts, integers, as WAP push and MMS use them.

Knows no message; a reader over octets and the writers of the same values.
Source: WAP-230-WSP §8.1.2 (uintvar), §8.4.1.2 and §8.4.2 (values); OMA-TS-MMS_ENC §7.3.11 (encoded strings).
"""

from __future__ import annotations

ADDRESS_PRESENT = 0x80
QUOTE = b"\x7f"
"""Stands before a text whose first octet is above 127 (WSP §8.4.2.1)."""

CHARSETS = {3: "ascii", 4: "latin-1", 106: "utf-8", 1000: "utf-16-be", 1015: "utf-16"}
"""MIBenum (IANA character sets) → codec; what is not here is read as UTF-8."""
UTF_8 = 106


class UnreadableError(Exception):
    """The octets end too early or a length does not add up."""


class Values:
    """Reads WSP values one after another (WSP §8.4.1.2)."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._octets)

    def octet(self) -> int:
        return self.take(1)[0]

    def peek(self) -> int:
        """The next octet, which stays. Raises UnreadableError at the end."""
        if self.ended:
            raise UnreadableError
        return self._octets[self._at]

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise UnreadableError
        self._at += count
        return taken

    def uintvar(self) -> int:
        value = 0
        # Five octets carry 32 bits (WSP §8.1.2).
        for _ in range(5):
            octet = self.octet()
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                return value
        raise UnreadableError

    def value(self) -> bytes:
        """Read one field value: its octets without the length, a text with its end, or a single octet."""
        first = self.octet()
        if first < 31:
            return self.take(first)
        if first == 31:
            return self.take(self.uintvar())
        if first >= 0x80:
            return bytes([first])
        end = self._octets.find(0, self._at)
        if end < 0:
            raise UnreadableError
        text = self._octets[self._at - 1 : end + 1]
        self._at = end + 1
        return text


def text_string(value: bytes) -> str:
    """Read a text as :meth:`Values.value` gave it."""
    return value.removeprefix(QUOTE).rstrip(b"\0").decode("utf-8", "replace")


def integer(value: bytes) -> int:
    """Read a short integer (one octet, high bit set) or the octets of a long one (WSP §8.4.2.3)."""
    return value[0] & 0x7F if len(value) == 1 and value[0] >= 0x80 else int.from_bytes(value, "big")


def encoded_string(value: bytes) -> str:
    """Read a text that a character set may stand before (OMA-TS-MMS_ENC §7.3.11)."""
    if not value or 0x20 <= value[0] <= 0x7F:
        return text_string(value)
    values = Values(value)
    try:
        charset = CHARSETS.get(integer(values.value()), "utf-8")
    except UnreadableError:
        return text_string(value)
    rest = value[1 if value[0] >= 0x80 else 1 + value[0] :].removeprefix(QUOTE)
    return rest.decode(charset, "replace").rstrip("\0")


def sender(value: bytes) -> str | None:
    """Read a From value: the address as a number or e-mail address, None when it is hidden or inserted later."""
    if value[:1] != bytes([ADDRESS_PRESENT]):
        return None
    try:
        address = encoded_string(Values(value[1:]).value())
    except UnreadableError:
        return None
    return plain_address(address)


def plain_address(address: str) -> str | None:
    """Take the type off an address; None for an empty one."""
    return address.partition("/TYPE=")[0] or None


# ------------------------------------------------------------------ writing


def uintvar(value: int) -> bytes:
    """Write an unsigned integer of any length (WSP §8.1.2)."""
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.insert(0, value & 0x7F | 0x80)
    return bytes(octets)


def text(value: str) -> bytes:
    """Write a text with its end (WSP §8.4.2.1)."""
    octets = value.encode()
    return (QUOTE if octets[:1] >= b"\x80" else b"") + octets + b"\0"


def with_length(octets: bytes) -> bytes:
    """Write octets with their length before them (WSP §8.4.2.2)."""
    short = len(octets) < 31
    return (bytes([len(octets)]) if short else b"\x1f" + uintvar(len(octets))) + octets


def utf8_string(value: str) -> bytes:
    """Write a text with its character set before it (OMA-TS-MMS_ENC §7.3.11)."""
    return with_length(bytes([0x80 | UTF_8]) + text(value))
