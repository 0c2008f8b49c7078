"""Owns encryption at rest: texts and secrets are sealed per row, so that a copied database shows no text.

Knows no table layout: the caller names table, column and row, which are authenticated with the value.
Source: rules DAT-1; AES-256-GCM (NIST SP 800-38D), layout 0x01 | key id 4 | nonce 12 | ciphertext | tag 16.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SEALED = 0x01
_CLEAR = 0x00
_KEY_ID_LEN = 4
_NONCE_LEN = 12
_HEAD_LEN = 1 + _KEY_ID_LEN + _NONCE_LEN
_CHAIN = b"audit trail"
"""What the key of the audit trail is derived from, beside a data key."""


class KeyRingError(Exception):
    """The key ring cannot be used; the text says which file or key id and what to do."""


class DamagedRow(Exception):
    """A sealed value does not belong to this row or was changed. The rest of the database is served."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} cannot be read: it was changed, moved, or sealed for another row")
        self.where = where


class KeyRing:
    """Data keys by id; the newest one seals, every one opens."""

    def __init__(self, keys: dict[bytes, bytes], newest: bytes | None) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = newest
        self._chains = {key_id.hex(): hmac.digest(key, _CHAIN, "sha256") for key_id, key in keys.items()}
        self.chain_id = "" if newest is None else newest.hex()
        """Id of the key under which entries of the audit trail are chained now; "" when there is no key at all."""

    @classmethod
    def clear(cls) -> KeyRing:
        """Make a ring that seals nothing (``store.encrypt = false``) and opens what is in clear."""
        return cls({}, None)

    @classmethod
    def load(cls, path: Path, environment: str | None = None) -> KeyRing:
        """Read the ring, or make one on the first start.

        Args:
            path: ``keys/data.json`` below the data directory, mode 0600.
            environment: Value of ``GATEWAY_DATA_KEYS`` (the same JSON), which goes before the file.

        Raises:
            KeyRingError: unreadable, or readable by others.
        """
        if environment:
            return cls._parse(environment, "GATEWAY_DATA_KEYS")
        if not path.exists():
            cls._create(path)
        if path.stat().st_mode & 0o077:
            raise KeyRingError(f"{path} can be read by others: run chmod 600 {path}")
        return cls._parse(path.read_text(), str(path))

    @staticmethod
    def _create(path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_id = secrets.token_hex(_KEY_ID_LEN)
        ring = {"newest": key_id, "keys": {key_id: base64.b64encode(secrets.token_bytes(32)).decode()}}
        partial = path.with_name(f"{path.name}.{key_id}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(ring, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        # Whole or not at all, and never over another's: half a ring would keep every later start from succeeding.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(partial)
        partial.unlink()

    @classmethod
    def _parse(cls, text: str, where: str) -> KeyRing:
        try:
            ring = json.loads(text)
            keys = {bytes.fromhex(key_id): base64.b64decode(key) for key_id, key in ring["keys"].items()}
            return cls(keys, bytes.fromhex(ring["newest"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyRingError(f"{where} is not a key ring: {error}") from error

    def without_sealing(self) -> KeyRing:
        """The same ring for ``store.encrypt = false``: opens what was sealed before, seals nothing new."""
        ring = KeyRing({}, None)
        ring._ciphers = self._ciphers
        # A trail that anybody could chain anew proves nothing, so it has its key whether texts are sealed or not.
        ring._chains, ring.chain_id = self._chains, self.chain_id
        return ring

    @property
    def key_ids(self) -> tuple[str, ...]:
        return tuple(key_id.hex() for key_id in self._ciphers)

    @property
    def newest_id(self) -> str | None:
        """Id of the key that seals; None when nothing is sealed."""
        return None if self._newest is None else self._newest.hex()

    def chain_key(self, chain_id: str) -> bytes | None:
        """Give the key of the audit trail that is derived from a data key; None when the ring lacks that one.

        A ring without any key chains with a constant: such a trail shows damage, and no intent."""
        if not self._chains and not chain_id:
            return _CHAIN
        return self._chains.get(chain_id)

    def seal(self, where: str, value: bytes) -> bytes:
        """Encrypt ``value`` for the row that ``where`` names (``table|column|row id``)."""
        if self._newest is None:
            return bytes((_CLEAR,)) + value
        nonce = os.urandom(_NONCE_LEN)
        sealed = self._ciphers[self._newest].encrypt(nonce, value, where.encode())
        return bytes((_SEALED,)) + self._newest + nonce + sealed

    def open(self, where: str, sealed: bytes) -> bytes:
        """Decrypt a value that was sealed for the same ``where``.

        Raises:
            KeyRingError: its key is not in the ring; the text names the key id.
            DamagedRow: it fails authentication.
        """
        key_id, nonce = sealed[1 : 1 + _KEY_ID_LEN], sealed[1 + _KEY_ID_LEN : _HEAD_LEN]
        # With the id of a key of ours behind the mark it was sealed, and only the mark was changed.
        if sealed[:1] == bytes((_CLEAR,)) and key_id not in self._ciphers:
            return sealed[1:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyRingError(f"data key {key_id.hex()} is missing: restore keys/data.json from the backup")
        try:
            return cipher.decrypt(nonce, sealed[_HEAD_LEN:], where.encode())
        except (InvalidTag, ValueError) as error:
            raise DamagedRow(where) from error
