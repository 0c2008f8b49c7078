"""Owns the way out to the services that apprise knows, for alerts: one letter to every address that is configured.

Refuses to block the event loop or to log addresses, which hold tokens: the library runs in a thread, silenced.
Source: https://github.com/caronc/apprise/wiki.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.channels.letter import TAKEN_BACK, Cleared, Letter, NotAccepted, Outcome, Sent, Unknown


class AppriseOutlet:
    """Sends letters to the services behind ``urls``. ``timeout_s`` is for all of them together."""

    def __init__(self, urls: tuple[str, ...], timeout_s: float = 20.0) -> None:
        self._urls = urls
        self._timeout_s = timeout_s

    async def send(self, letter: Letter, cleared: Cleared) -> Outcome:
        """Send one letter to every service; the library does not say which of them failed, or why."""
        if not await cleared():
            return TAKEN_BACK
        try:
            async with asyncio.timeout(self._timeout_s):
                # The thread goes on after the timeout: what it sends then is why this is no refusal.
                return await asyncio.to_thread(_notify, self._urls, letter)
        except TimeoutError:
            return Unknown(f"apprise has not come back within {self._timeout_s:g} s")


def _notify(urls: tuple[str, ...], letter: Letter) -> Outcome:
    # Half a second of import and a hundred plugins: only whoever configures it pays.
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").disabled = True
    services = apprise.Apprise()
    for number, url in enumerate(urls, start=1):
        if not services.add(url):
            return NotAccepted(
                permanent=True, detail=f"apprise does not know the service of address {number}"
            )
    if services.notify(body=letter.body, title=letter.subject or ""):
        return Sent()
    return NotAccepted("a service behind apprise did not take it", permanent=False)
