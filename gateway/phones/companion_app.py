"""Owns the companion app as this installation gives it to its phones: signed with its own key, once per run.

Knows no phone. The key is made on first need and never replaced.
Source: APK Signature Scheme v2; device_bridge.apk.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from device_bridge.apk import SigningKey, apk_facts, carried_apk, sign_apk


class CompanionApp:
    """The app that is carried, and its signed form."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._unsigned = carried_apk()
        self._signed: bytes | None = None
        self._signing = asyncio.Lock()
        self.facts = apk_facts(self._unsigned)

    async def signed(self) -> bytes:
        """Give the app signed with this installation's key; the first call takes up to a second.

        Raises:
            SigningKeyError: the key is damaged or open to others; it names the file and the fix.
        """
        async with self._signing:
            if self._signed is None:
                self._signed = await asyncio.to_thread(self._sign)
            return self._signed

    def _sign(self) -> bytes:
        return sign_apk(self._unsigned, SigningKey.load_or_create(self._key_file))
