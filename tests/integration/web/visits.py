"""Owns the types of what the pages' fixtures give: how servers are made, people come, and pages are filled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.harness.visitor import Visitor
from tests.integration.http.api_server import Server

MakeServer = Callable[..., Awaitable[Server]]
Visit = Callable[..., Awaitable[Visitor]]
Furnish = Callable[..., Awaitable[dict[str, str]]]
VisitAt = Callable[[Server, str | None], Awaitable[Visitor]]
