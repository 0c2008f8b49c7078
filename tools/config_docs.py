"""Owns config.example.toml and docs/config.md: both are made from the configuration's models.

Knows no value of its own; a key without unit or reason cannot be documented, and a test says so.
Source: gateway.config.described.
"""

from __future__ import annotations

import textwrap

from gateway.config.described import Key, SectionDoc, sections, toml
from gateway.config.explain import LATER_SECTIONS
from gateway.config.kinds import EVENT_FAMILIES, EVENT_TYPES

__all__ = ["SectionDoc", "config_md", "example_toml", "sections", "toml"]

WIDTH = 110

# ------------------------------------------------------------------ config.example.toml


def example_toml() -> str:
    """Write the example: every key with default, unit, range and reason; what has no default is commented out."""
    lines = [
        "# Every key of the configuration with its default, unit, range and reason.",
        "# Copy this file to config.toml, change what you need, and start with: gateway serve --config config.toml",
        "# A key that is commented out is unset. Any key can also be given as an environment variable:",
        "#   GATEWAY__SERVER__PORT=9000   GATEWAY__MODEM__0__PIN=1234   GATEWAY__SERVER__ALLOWED_HOSTS=sms.lan,sms",
        "# Made from the code by `make docs`; a test compares the two.",
    ]
    for section in sections():
        lines += ["", *_comment(section.why, 0)]
        head = f"[[{section.name}]]" if section.repeated else f"[{section.name}]"
        # An array of tables in the example would be one more modem: it is shown commented out.
        lines.append(f"# {head}" if section.repeated else head)
        lines += [_entry(key, commented=section.repeated) for key in section.keys]
    return "\n".join(lines) + "\n"


def _entry(key: Key, *, commented: bool) -> str:
    unset = key.default is None
    empty = key.default in ([], {})
    shown = key.example if unset or (empty and key.example) else key.default
    mark = "# " if commented or unset or empty else ""
    if shown is None:
        shown = ""
    head = f"{mark}{key.name} = {toml(shown)}"
    facts = [fact for fact in (key.unit, key.choices if key.choices != "text" else "") if fact]
    note = f"  # {'; '.join(facts)}{': ' if facts else ''}{key.why}"
    return (
        f"{head}{note}" if len(head + note) <= WIDTH + 40 else f"{head}\n" + "\n".join(_comment(note[4:], 2))
    )


def _comment(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{' ' * indent}# ", subsequent_indent=f"{' ' * indent}# "
    )


# ------------------------------------------------------------------ docs/config.md


def config_md() -> str:
    """Write the reference: one table per section."""
    out = [_INTRO]
    for section in sections():
        title = f"`[[{section.name}]]`" if section.repeated else f"`[{section.name}]`"
        out += [
            f"## {title}",
            "",
            section.why,
            "",
            "| key | default | unit, range | why |",
            "|---|---|---|---|",
        ]
        out += [_row(key) for key in section.keys]
        out.append("")
    out += ["## Event types for `webhook.events`", "", _event_list(), ""]
    out += ["## Sections of later versions", "", _later(), ""]
    return "\n".join(out)


def _row(key: Key) -> str:
    default = "required" if key.required else "unset" if key.default is None else f"`{toml(key.default)}`"
    facts = ", ".join(f for f in (key.unit, key.choices) if f).replace(" | ", " or ")
    example = "" if key.example is None else f" Example: `{toml(key.example)}`"
    return f"| `{key.name}` | {default} | {facts} | {key.why}{example} |"


def _event_list() -> str:
    return (
        ", ".join(f"`{event}`" for event in ("*", *EVENT_FAMILIES, *EVENT_TYPES))
        + ". See [events](events.md)."
    )


def _later() -> str:
    names = ", ".join(f"`[{name}]`" for name in sorted(LATER_SECTIONS))
    return f"A file that has one of these is refused, because nothing in this version would obey it: {names}."


_INTRO = """# Configuration

Made from the code by `make docs`. The same keys with comments: [config.example.toml](../config.example.toml).

Without a file the gateway runs with the defaults below. A file is named by `--config FILE` or `GATEWAY_CONFIG`; it is
TOML. Stronger than the file are environment variables (`GATEWAY__SERVER__PORT=9000`, two underscores between the words;
`GATEWAY__MODEM__0__PIN` for the first `[[modem]]`; lists with commas), and stronger than those the options of the
command line.

An unknown key, a wrong type and a value out of range are errors of one line that name file, key and fix; nothing is
ignored. A file that holds a PIN or a webhook secret must not be readable by everybody (`chmod 600`).

| variable | what |
|---|---|
| `GATEWAY_CONFIG` | the file, like `--config` |
| `GATEWAY_DATA_DIR` | the data directory, like `--data-dir`; default `./data` |
| `GATEWAY_ADMIN_KEY` | a key of your own with every scope, 32 characters or more; under 24 only on loopback |
| `GATEWAY_KEY`, `GATEWAY_URL` | key and server for commands that talk to a running server |
| `GATEWAY_DATA_KEYS` | the keys of stored texts, in place of `keys/data.json` |
"""
