"""Owns the keys of the APK tests, made once: two installations."""

from __future__ import annotations

import pytest

from device_bridge.apk import SigningKey, sign_apk
from tests.unit.apk.apk_files import unsigned_apk


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load_or_create(tmp_path_factory.mktemp("ours") / "app.pem")


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return SigningKey.load_or_create(tmp_path_factory.mktemp("theirs") / "app.pem")


@pytest.fixture(scope="session")
def signed(key: SigningKey) -> bytes:
    return sign_apk(unsigned_apk(), key)
