"""Owns an outlet of tests after whose work the database is gone, until it is given back.

Knows nothing of what is sent: the real outlet sends it.
Source: design, *Errors* (a store that is away is waited for).
"""

from __future__ import annotations

from pathlib import Path

from gateway.channels.letter import Cleared, Letter, Outcome, Outlet


class TakesTheStoreAlong:
    """Sends by ``inner``, and takes the database at ``path`` away before it says what came of it."""

    def __init__(self, inner: Outlet, path: Path) -> None:
        self.inner = inner
        self.folder = path.parent
        self.away = path.parent / "away"

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Send one letter."""
        outcome = await self.inner.send(letter, cleared)
        self.away.mkdir()
        for file in self.folder.glob("gateway.db*"):
            file.rename(self.away / file.name)
        return outcome

    def give_back(self) -> None:
        """Put the database where it was."""
        for file in self.folder.glob("gateway.db*"):
            file.unlink()
        for file in self.away.iterdir():
            file.rename(self.folder / file.name)
