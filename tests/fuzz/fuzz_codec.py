"""Feeds the codec rubbish grown from the vectors; the rule is "a value or a DecodeError", nothing else.

Run: python tests/fuzz/fuzz_codec.py --seconds 60 [--seed N]. A broken rule ends it with 1 and the octets.
Source: tests/vectors; mutations of our own
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from device_bridge.errors import DecodeError, EncodeError
from device_bridge.sms.acknowledgement import decode_submit_report
from device_bridge.sms.outcome import report_meaning
from device_bridge.sms.pdu import join_sca, parse_hex, split_sca
from device_bridge.sms.reassembly import join
from device_bridge.sms.tpdu import (
    Deliver,
    StatusReport,
    decode_deliver,
    decode_incoming,
    decode_status_report,
    decode_submit,
)
from device_bridge.sms.wap_push import recognise, recognise_octets

VECTORS = Path(__file__).parents[1] / "vectors"
HEX_COLUMNS = {"tpdu", "pdu", "hex", "packed", "arrival"}
BATCH = 500
MAX_OCTETS = 320


def seeds() -> list[bytes]:
    """Collect every octet string of the vectors."""
    found: set[bytes] = set()
    for file in sorted(VECTORS.glob("*.toml")):
        for table in tomllib.loads(file.read_text(encoding="utf-8")).values():
            for row in table:
                for column in HEX_COLUMNS & row.keys():
                    values = row[column] if isinstance(row[column], list) else [row[column]]
                    found.update(octets for value in values if (octets := as_octets(value)) is not None)
    return sorted(found)


def as_octets(value: str) -> bytes | None:
    try:
        return parse_hex(value)
    except DecodeError:
        return None


def mutate(octets: bytes, other: bytes, dice: random.Random) -> bytes:
    """Make one or more changes of the kinds that break decoders: bits, lengths, cuts, splices, repeats."""
    grown = bytearray(octets)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(grown) + 1)
        match dice.randrange(8):
            case 0 if grown:
                grown[at % len(grown)] ^= 1 << dice.randrange(8)
            case 1 if grown:
                grown[at % len(grown)] = dice.choice(
                    (0x00, 0x01, 0x1B, 0x7F, 0x80, 0xA0, 0xFF, dice.randrange(256))
                )
            case 2:
                del grown[at:]
            case 3:
                del grown[at : at + dice.randrange(1, 8)]
            case 4:
                grown[at:at] = dice.randbytes(dice.randrange(1, 8))
            case 5:
                cut = dice.randrange(len(other) + 1)
                grown[at:] = other[cut:]
            case 6:
                grown[at:at] = grown[at : at + dice.randrange(1, 16)]
            case _:
                # The octets that say lengths and types stand at the front.
                if grown:
                    grown[dice.randrange(min(len(grown), 22))] = dice.randrange(256)
    return bytes(grown[:MAX_OCTETS])


@dataclass(slots=True)
class Tally:
    """What has been tried, for the closing line; ``delivers`` feed the joining."""

    inputs: int = 0
    values: int = 0
    refused: int = 0
    delivers: list[Deliver] = field(default_factory=list)


def use_fully(value: object, tally: Tally) -> None:
    """Ask a decoded value for everything that it offers, since that must not fail either."""
    if isinstance(value, Deliver):
        _ = (
            value.scts.at_ms,
            value.scts.rfc3339,
            value.oa.text,
            value.concatenation,
            value.ports,
            recognise(value),
        )
        join([value])
        tally.delivers = [*tally.delivers[-7:], value]
        same = [each for each in tally.delivers if same_set(each, value)]
        join(same)
    elif isinstance(value, StatusReport):
        _ = (value.discharge.at_ms, value.ra.text, value.text, value.octets, report_meaning(value.st))
    elif isinstance(value, tuple):
        # A number that a lenient decoder shows may be one that a strict encoder refuses.
        with contextlib.suppress(EncodeError):
            join_sca(*value)


def same_set(one: Deliver, other: Deliver) -> bool:
    a, b = one.concatenation, other.concatenation
    return (a and (a.reference, a.total, a.ref_bits)) == (b and (b.reference, b.total, b.ref_bits))


DECODERS: tuple[Callable[[bytes], object], ...] = (
    decode_incoming,
    decode_deliver,
    decode_status_report,
    decode_submit,
    decode_submit_report,
    split_sca,
    lambda octets: parse_hex(octets.decode("latin-1")),
    lambda octets: recognise_octets(octets, (2948, 9200)),
)


def feed(octets: bytes, tally: Tally) -> None:
    """Give octets to every decoder. Anything but a value or a DecodeError propagates."""
    tally.inputs += 1
    for decode in DECODERS:
        try:
            value = decode(octets)
        except DecodeError as error:
            if not (error.field and error.reason and 0 <= error.octet <= len(octets)):
                raise AssertionError(f"an error without a place: {error!r}") from error
            tally.refused += 1
        else:
            tally.values += 1
            use_fully(value, tally)


def fuzz(seconds: float, seed: int) -> int:
    """Mutate and feed until the time is up; 0 when the rule held."""
    dice = random.Random(seed)
    corpus = seeds()
    tally = Tally()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(BATCH):
            octets = mutate(dice.choice(corpus), dice.choice(corpus), dice)
            try:
                feed(octets, tally)
            except Exception:
                traceback.print_exc()
                print(
                    f"broken by {octets.hex().upper()} (seed {seed}, input {tally.inputs})", file=sys.stderr
                )
                return 1
    print(f"{tally.inputs} inputs from {len(corpus)} seeds:", end=" ")
    print(f"{tally.values} values, {tally.refused} refused, 0 broken")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument(
        "--seed", type=int, default=23040, help="start of the random sequence (default 23040)"
    )
    asked = parser.parse_args()
    return fuzz(asked.seconds, asked.seed)


if __name__ == "__main__":
    sys.exit(main())
