"""Owns looking at a phone's screen once and saying which dialog holds a text or a step back.

Keeps and shows nothing of the screen but the name of what it found: what stands there is private.
Source: uiautomator's dump; `screens.toml` with the platform's strings and ids.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final
from xml.etree import ElementTree as ET

from device_bridge.adb.contract import PACKAGE, Step
from device_bridge.adb.handset import CHANGE_TIMEOUT_S, Handset
from device_bridge.adb.wire import shown

_DUMP: Final = f"/data/local/tmp/{PACKAGE}.xml"


@dataclass(frozen=True, slots=True)
class Node:
    """One element of the screen, in small letters; ``says`` is its text and its description."""

    package: str
    resource_id: str
    says: str


@dataclass(frozen=True, slots=True)
class KnownScreen:
    """One row of the table."""

    name: str
    says: str
    hint: str
    source: str
    packages: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def fits(self, nodes: tuple[Node, ...]) -> bool:
        """Say whether these elements make this screen."""
        mine = [node for node in nodes if not self.packages or node.package in self.packages]
        by_id = any(node.resource_id.endswith(f"/{each.lower()}") for node in mine for each in self.ids)
        return by_id or any(each in node.says for node in mine for each in self.texts)


@cache
def known_screens() -> tuple[KnownScreen, ...]:
    """Read the table."""
    text = files("device_bridge.adb").joinpath("screens.toml").read_text("utf-8")
    return tuple(
        KnownScreen(
            name=row["name"],
            says=row["says"],
            hint=row["hint"],
            source=row["source"],
            packages=tuple(row.get("packages", ())),
            ids=tuple(row.get("ids", ())),
            texts=tuple(row.get("texts", ())),
        )
        for row in tomllib.loads(text)["screen"]
    )


def nodes_of(xml: str) -> tuple[Node, ...]:
    """Read a dump.

    Raises:
        ValueError: it is none; a document type, which no dump has, is refused unread.
    """
    start = xml.find("<hierarchy")
    if start < 0 or "<!" in xml:
        raise ValueError("no dump of a screen")
    try:
        root = ET.fromstring(xml[start:].strip())  # noqa: S314  # entities need a document type: refused above
    except ET.ParseError as error:
        raise ValueError("no dump of a screen") from error
    return tuple(
        Node(
            package=node.get("package", ""),
            resource_id=node.get("resource-id", "").lower(),
            says=f"{node.get('text', '')}\n{node.get('content-desc', '')}".lower(),
        )
        for node in root.iter("node")
    )


def recognise(nodes: tuple[Node, ...]) -> KnownScreen | None:
    """Find the row that fits; None for a screen that holds nothing back, as far as is known."""
    return next((row for row in known_screens() if row.fits(nodes)), None)


async def look(phone: Handset) -> Step:
    """Look at the phone's screen and name the dialog on it.

    Raises:
        AdbError: the phone cannot be talked to.

    On air: never
    """
    said = await phone.ask("uiautomator", "dump", _DUMP, timeout_s=CHANGE_TIMEOUT_S)
    if "dumped to" not in said:
        hint = "Wake the phone up and look at its screen"
        return Step("screen", "skipped", f"it cannot be read: {shown(said) or 'no answer'}", hint)
    xml = await phone.ask("cat", _DUMP)
    await phone.change("rm", "-f", _DUMP)
    try:
        nodes = nodes_of(xml)
    except ValueError:
        return Step("screen", "skipped", "it cannot be read", "Look at the phone's screen")
    found = recognise(nodes)
    if found is None:
        front = shown(nodes[0].package, 80) if nodes else "nothing"
        return Step("screen", "ok", f"no question that is known; {front} is in front")
    return Step("screen", "refused", found.says, found.hint)
