"""Owns the companion app as a file: carrying it, reading its facts, signing it, checking a signature.

Refuses to know phones, adb and the gateway; no JDK and no Android SDK are needed.
Source: APK Signature Scheme v2 and v3; see README.md beside this file.
"""

from __future__ import annotations

from device_bridge.apk.carried import carried_apk
from device_bridge.apk.errors import ApkError, SigningKeyError
from device_bridge.apk.keys import SigningKey
from device_bridge.apk.manifest import ApkFacts, apk_facts
from device_bridge.apk.signing import sign_apk
from device_bridge.apk.verification import VerifiedApk, signer_digests, verify_apk

__all__ = [
    "ApkError",
    "ApkFacts",
    "SigningKey",
    "SigningKeyError",
    "VerifiedApk",
    "apk_facts",
    "carried_apk",
    "sign_apk",
    "signer_digests",
    "verify_apk",
]
