"""Proves that gammu's own decoder reads what we encode: same text, number, header and flags.

Runs gammu in the system's Python (Debian: python3-gammu): a process of its own, JSON in and out.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from typing import Any

import pytest

from device_bridge.sms.alphabet import GSM7_CHARACTERS
from device_bridge.sms.segmentation import segment, segment_octets
from device_bridge.sms.submit import SubmitOptions, encode_parts

pytestmark = pytest.mark.peer

PYTHON = "/usr/bin/python3"
MESSAGES = 300
DECODE = """
import gammu, json, sys
shown = []
for line in json.load(sys.stdin):
    seen = gammu.DecodePDU(bytes.fromhex(line), False)
    # Its binding counts septets where characters are meant, and reads on after the end of the string.
    text = seen["Text"]
    shown.append({
        "text": text.hex() if isinstance(text, bytes) else text.split("\\0")[0],
        "number": seen["Number"],
        "coding": seen["Coding"],
        "class": seen["Class"],
        "udh": seen["UDH"]["Text"].hex(),
        "parts": [seen["UDH"]["PartNumber"], seen["UDH"]["AllParts"]],
        "reference": max(seen["UDH"]["ID8bit"], seen["UDH"]["ID16bit"]),
        "mr": seen["MessageReference"],
    })
json.dump(shown, sys.stdout)
"""
ALPHABET = sorted(GSM7_CHARACTERS - {"\x0c"})
OTHER = ["я", "ş", "日", "😀", "👋🏽", "e\u0301", "a", " ", "€"]
CODINGS = {"gsm7": "Default_No_Compression", "ucs2": "Unicode_No_Compression", "8bit": "8bit"}


def has_gammu() -> bool:
    if not shutil.which(PYTHON):
        return False
    asked = subprocess.run([PYTHON, "-c", "import gammu"], capture_output=True, timeout=30, check=False)
    return asked.returncode == 0


@pytest.fixture(scope="module")
def gammu_is_there() -> None:
    if not os.environ.get("CI") and not has_gammu():
        pytest.skip("gammu for the system's Python is not installed (Debian: python3-gammu)")


def decoded_by_gammu(tpdus: list[bytes]) -> list[dict[str, Any]]:
    asked = json.dumps([tpdu.hex() for tpdu in tpdus])
    ran = subprocess.run(
        [PYTHON, "-c", DECODE], input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    shown: list[dict[str, Any]] = json.loads(ran.stdout)
    return shown


def random_text(dice: random.Random) -> str:
    letters = ALPHABET if dice.random() < 0.6 else OTHER
    return "".join(
        dice.choice(letters) for _ in range(dice.choice([1, 7, 8, 69, 70, 71, 159, 160, 161, 300]))
    )


def test_random_texts_decode_equally_in_gammu(gammu_is_there: None) -> None:
    dice = random.Random(23_040)
    expected: list[dict[str, Any]] = []
    tpdus: list[bytes] = []
    for _ in range(MESSAGES):
        bits, reference, flash, mr = (
            dice.choice([8, 16]),
            dice.randrange(256),
            dice.random() < 0.2,
            dice.randrange(256),
        )
        number = dice.choice(["+4512345678", "12345", "+491701234567"])
        cut = segment(random_text(dice), ref_bits=bits)
        made = encode_parts(cut, SubmitOptions(number, reference, flash=flash, mr=mr))
        tpdus += made
        expected += [
            {
                "text": part.text,
                "number": number,
                "coding": CODINGS[cut.coding],
                "class": 0 if flash else -1,
                "parts": [index + 1, cut.parts] if cut.parts > 1 else [-1, 0],
                "mr": (mr + index) % 256,
            }
            for index, part in enumerate(cut.segments)
        ]
    seen = decoded_by_gammu(tpdus)
    assert len(seen) == len(expected)
    for wanted, shown in zip(expected, seen, strict=True):
        assert {key: shown[key] for key in wanted} == wanted


def test_random_data_with_ports_decodes_equally_in_gammu(gammu_is_there: None) -> None:
    dice = random.Random(16_000)
    cuts = [
        segment_octets(
            dice.randbytes(dice.choice([1, 10, 128, 133, 134, 400])), dice.choice([2948, 16000, 50001])
        )
        for _ in range(100)
    ]
    tpdus = [tpdu for cut in cuts for tpdu in encode_parts(cut, SubmitOptions("+4512345678", 7))]
    seen = decoded_by_gammu(tpdus)
    parts = [(cut, part) for cut in cuts for part in cut.segments]
    for (cut, part), shown in zip(parts, seen, strict=True):
        assert shown["coding"] == "8bit"
        assert bytes.fromhex(shown["text"]) == part.octets
        assert f"0504{cut.port:04x}0000" in shown["udh"]
