"""Owns a person without script at a running server: cookies, forms and links over plain HTTP, as old browsers do it.

Refuses to run any script and to know any handler: a form is found in the page and sent as it stands, with what is
filled in.
Source: HTML (form submission), RFC 6265 (cookies), Fetch (what a browser sends along).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp


@dataclass
class Form:
    """A form of a page: where it goes, its fields as they stand, and its buttons with what each sends."""

    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Text, name, value."""


@dataclass
class Seen:
    """An answer: status, headers, the page's text without tags, and its forms and links."""

    status: int
    headers: Any
    html: str
    url: str
    text: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    """Text, address."""

    def form(self, button: str) -> Form:
        """Find the form that has a button with this text."""
        for each in self.forms:
            if any(button in text for text, _name, _value in each.buttons):
                return each
        raise AssertionError(f'no button "{button}" at {self.url}: {[f.buttons for f in self.forms]}')


class _Reader(HTMLParser):
    def __init__(self, seen: Seen) -> None:
        super().__init__(convert_charrefs=True)
        self._seen = seen
        self._form: Form | None = None
        self._inside: list[str] = []
        self._gathering: list[str] = []
        self._open: dict[str, str] | None = None
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._hidden += 1
        if tag == "form":
            self._form = Form(a.get("action", self._seen.url), a.get("method", "get").lower())
            self._seen.forms.append(self._form)
        elif tag == "input" and self._form is not None and a.get("name"):
            kind = a.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in a:
                    self._form.fields.append((a["name"], a.get("value", "on")))
            elif kind not in ("submit", "file"):
                self._form.fields.append((a["name"], a.get("value", "")))
        elif tag == "select":
            self._select, self._options = a.get("name"), []
        elif tag == "option":
            self._options.append((a.get("value", ""), "selected" in a))
        elif tag in ("button", "textarea", "a"):
            self._open = {"tag": tag, **a}
            self._gathering = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._hidden -= 1
        if tag == "form":
            self._form = None
        elif tag == "select" and self._form is not None and self._select and self._options:
            chosen = next((value for value, selected in self._options if selected), self._options[0][0])
            self._form.fields.append((self._select, chosen))
        elif self._open is not None and self._open["tag"] == tag:
            said = "".join(self._gathering)
            if tag == "button" and self._form is not None:
                self._form.buttons.append(
                    (" ".join(said.split()), self._open.get("name", ""), self._open.get("value", ""))
                )
            elif tag == "textarea" and self._form is not None:
                self._form.fields.append((self._open.get("name", ""), said.removeprefix("\n")))
            elif tag == "a":
                self._seen.links.append((" ".join(said.split()), self._open.get("href", "")))
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._gathering.append(data)
        if not self._hidden:
            self._inside.append(data)

    def done(self) -> None:
        self._seen.text = " ".join("".join(self._inside).split())


@dataclass
class Visitor:
    """One browser without script. ``headers`` go with every request."""

    url: str
    session: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Seen:
        """Open a page, without following where it leads on to."""
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, fields: list[tuple[str, str]], **headers: str) -> Seen:
        """Send fields as a form of one of our own pages would."""
        return await self._ask("POST", path, fields, {"Origin": self.origin, **headers})

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    async def sign_in(self, secret: str) -> Seen:
        """Come in by the form."""
        return await self.post("/sign-in", [("secret", secret), ("next", "/")])

    async def press(self, page: Seen, button: str, **filled: str) -> Seen:
        """Press a button of a page with some fields filled in; follows one redirect, as browsers do."""
        form = page.form(button)
        fields = [(name, value) for name, value in form.fields if name not in filled]
        fields += list(filled.items())
        fields += [(name, value) for text, name, value in form.buttons if button in text and name][:1]
        where = urljoin(page.url, form.action)
        path = where.removeprefix(self.origin)
        if form.method == "get":
            bare = path.partition("#")[0].partition("?")[0]
            return await self.get(f"{bare}?{urlencode(fields)}")
        answer = await self.post(path, fields)
        if answer.status != 303:
            return answer
        return await self.get(urljoin(page.url, answer.headers["Location"]).removeprefix(self.origin))

    async def _ask(
        self, method: str, path: str, fields: list[tuple[str, str]] | None, headers: dict[str, str]
    ) -> Seen:
        sent = {"Accept": "text/html,application/xhtml+xml", **self.headers, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if fields is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = urlencode(fields).encode()
        url = self.origin + path
        async with self.session.request(
            method, url, data=body, headers=sent, allow_redirects=False
        ) as answer:
            html = (await answer.read()).decode()
            for name, cookie in answer.cookies.items():
                if cookie["max-age"] == "0" or not cookie.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = cookie.value
            seen = Seen(answer.status, answer.headers, html, url)
        reader = _Reader(seen)
        reader.feed(html)
        reader.done()
        return seen
