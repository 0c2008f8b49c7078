"""Owns how findings look on the command line: by device for people, one record a line for programs.

Knows findings as the API shows them.
Source: the notes on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.cli.client import Json
from gateway.cli.output import Screen, note
from gateway.escape import escape

_COLOURS = {"stops": "red", "trouble": "yellow", "ok": "green"}
_WORDS = {"fixed": "fixed", "undone": "undone", "open": "open", "failed": "failed"}
_INDENT = 10


def show(out: Screen, items: Sequence[Json], done: Mapping[str, Json], *, put_off: int) -> None:
    """Show findings, with what became of repairs by the id of the finding; what was just done comes first."""
    items = sorted(items, key=lambda item: item["id"] not in done)
    if out.terminal:
        for about in dict.fromkeys(item["about"] for item in items):
            out.line(about)
            _device(out, [item for item in items if item["about"] == about], done)
    else:
        names = ("code", "about", "title", "why", "hint")
        rows = [[_record_word(item, done), *(item[name] for name in names)] for item in items]
        out.table((), rows)
    note(_summary(items, done, put_off))


def _device(out: Screen, items: Sequence[Json], done: Mapping[str, Json]) -> None:
    well = [item for item in items if item["severity"] == "ok" and not _is_told(item, done)]
    for item in items:
        if item not in well:
            _finding(out, item, done.get(item["id"]))
    if well:
        _line(out, "ok", "green", ", ".join(dict.fromkeys(item["title"] for item in well)))


def _finding(out: Screen, item: Json, result: Json | None) -> None:
    if result is not None:
        word = _WORDS[result["result"]]
        _line(out, word, "green" if word in ("fixed", "undone") else "yellow", item["title"])
        more = [result["said"]]
        if word == "fixed":
            more += [_taking_back(item)]
        elif item["severity"] != "ok":
            more += [item["hint"]]
    elif item["severity"] == "ok":
        _line(out, "fixed", "green", item["title"])
        more = [f"Since {item['fixed_at'][:16].replace('T', ' ')} UTC.", _taking_back(item)]
    else:
        word = "fix" if item["fix"] else "note" if item["severity"] == "note" else "you"
        _line(out, word, _COLOURS.get(item["severity"], ""), item["title"])
        by_hand = item["steps"] if not item["fix"] and len(item["steps"]) > 1 else [item["hint"]]
        more = [item["why"], *by_hand, *([_what(item["fix"])] if item["fix"] else [])]
    for text in filter(None, more):
        out.paragraph(text, _INDENT)


def _line(out: Screen, word: str, colour: str, title: str) -> None:
    print(f"  {out.styled(f'{word:<8}', colour)}{escape(title)}")


def _what(fix: Json) -> str:
    return f"--fix: {fix['what']}{'' if fix['undo'] else ' It cannot be taken back here.'}"


def _taking_back(item: Json) -> str:
    return f"gateway doctor --undo takes it back: {item['undo_what']}" if item["undo"] else ""


def _is_told(item: Json, done: Mapping[str, Json]) -> bool:
    return item["id"] in done or item["fixed_at"] is not None


def _record_word(item: Json, done: Mapping[str, Json]) -> str:
    result = done.get(item["id"])
    if result is not None:
        return _WORDS[result["result"]]
    return "fixed" if item["fixed_at"] is not None else str(item["severity"])


def _summary(items: Sequence[Json], done: Mapping[str, Json], put_off: int) -> str:
    results = [each["result"] for each in done.values()]
    wrong = [item for item in items if item["severity"] != "ok"]
    effects = {
        effect: sum(item["severity"] == effect for item in items) for effect in ("stops", "trouble", "ok")
    }
    said = [f"{results.count(word)} {word}" for word in _WORDS if word in results]
    said += [
        f"{effects['stops']} stop sending",
        f"{effects['trouble']} will cause trouble",
        f"{effects['ok']} ok",
    ]
    said += [f"{put_off} put off"] if put_off else []
    can = sum(item["fix"] is not None and item["severity"] != "note" for item in wrong)
    return ", ".join(said) + (f"; {can} can be repaired: gateway doctor --fix" if can else "")
