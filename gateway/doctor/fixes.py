"""Owns what could be repaired, as values that say exactly what they change and how that is taken back.

Changes nothing but the mode of a file; how the rest is done is for whoever holds devices and the store.
Source: the doctor's promise to name each change before it is made.
"""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

SET_UP: Final = "set_up"
"""The repair of a phone that goes through all its steps; the others are single steps of device_bridge.adb."""

_RAISED: Final = "Takes effect after the phone is restarted."
_PHONE: Final[dict[str, tuple[str, str | None]]] = {
    SET_UP: (
        "Sets the phone up over USB: app, permissions, battery saving, background, tunnel, service, pairing.",
        None,
    ),
    "grants": (
        "Grants the app on the phone the permissions that it lacks, over USB.",
        "Takes the same permissions away again; Android ends the app when it does.",
    ),
    "doze": (
        "Takes the app out of the phone's battery optimisation, over USB.",
        "Puts the app under battery optimisation again, and leaves it there.",
    ),
    "background": (
        "Lets the app run in the background over USB: RUN_ANY_IN_BACKGROUND and ACCESS_RESTRICTED_SETTINGS to allow.",
        "Sets both as they were, and leaves them so.",
    ),
    "limit": (
        f"Raises Android's limit to 200 SMS parts in 60 s (two global settings), over USB. {_RAISED}",
        f"Sets both settings as they were. {_RAISED}",
    ),
}


@dataclass(frozen=True, slots=True)
class ModeFix:
    """Give a file or folder the mode it must have."""

    path: Path
    mode: int

    @property
    def what(self) -> str:
        return f"Sets the mode of {self.path} to {self.mode:04o}: only this account can reach it."

    @property
    def undo(self) -> str | None:
        return "Sets the mode as it was: other accounts can reach it again."

    def before(self) -> str:
        """Read the mode that is there, in octal. Raises OSError."""
        return f"{stat.S_IMODE(self.path.stat().st_mode):o}"

    def apply(self) -> None:
        """Change the mode. Raises OSError."""
        self.path.chmod(self.mode)

    def take_back(self, was: str) -> bool:
        """Put the mode back; False: somebody has changed it since, so it was left. Raises OSError."""
        if int(self.before(), 8) != self.mode:
            return False
        self.path.chmod(int(was, 8))
        return True


@dataclass(frozen=True, slots=True)
class PhoneFix:
    """Do one step of bringing a phone on a cable into order."""

    serialno: str
    step: str

    @property
    def what(self) -> str:
        return _PHONE[self.step][0]

    @property
    def undo(self) -> str | None:
        return _PHONE[self.step][1]


@dataclass(frozen=True, slots=True)
class ResumeLine:
    """Let a line send again that was paused."""

    line_id: str

    @property
    def what(self) -> str:
        return "Lets this line send again; what waits for it goes out."

    @property
    def undo(self) -> str | None:
        return "Pauses the line again; what was sent meanwhile stays sent."


@dataclass(frozen=True, slots=True)
class EnableWebhook:
    """Switch a webhook on again and try it."""

    webhook_id: str

    @property
    def what(self) -> str:
        return "Switches the webhook on again and sends it one test event at once."

    @property
    def undo(self) -> str | None:
        return "Switches the webhook off again."


Fix = ModeFix | PhoneFix | ResumeLine | EnableWebhook

_KINDS: Final[dict[str, type[Fix]]] = {
    "mode": ModeFix,
    "phone": PhoneFix,
    "line": ResumeLine,
    "webhook": EnableWebhook,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A fix that was begun, with how it was before in the fix's own words."""

    fix: Fix
    was: str

    def dump(self) -> str:
        """Write it as JSON."""
        kind = next(name for name, each in _KINDS.items() if isinstance(self.fix, each))
        return json.dumps({"kind": kind, "was": self.was, **asdict(self.fix)}, default=str)

    @classmethod
    def load(cls, text: str) -> Change:
        """Read what :meth:`dump` wrote."""
        members = json.loads(text)
        kind, was = members.pop("kind"), members.pop("was")
        if kind == "mode":
            return cls(ModeFix(Path(members["path"]), members["mode"]), was)
        return cls(_KINDS[kind](**members), was)
