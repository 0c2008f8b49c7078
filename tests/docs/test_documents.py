"""Proves that documents and code say the same: made ones are current, names stand in both, links lead somewhere."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest

from device_bridge.emulator.numbers import SANDBOX
from gateway.cli.commands import COMMANDS
from gateway.config import Config, load
from gateway.config.kinds import EVENT_FAMILIES, EVENT_TYPES
from gateway.errors import CATALOGUE
from gateway.http.app import ROUTES
from gateway.http.models import SCOPES, EventName
from gateway.lifecycle import TRANSITIONS, Happening
from gateway.message import MessageState, PartState
from gateway.policy.alerts import KINDS
from gateway.store.guards import NEW_COUNTRY, NUMBER_RANGE
from gateway.web.happenings import CONFLICTS
from tools.config_docs import SectionDoc, sections, toml
from tools.make_docs import DOCUMENTS

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""apprise imports it, when an address of a service is checked."""

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "gateway/*.md",
        "device_bridge/**/*.md",
        "android_companion/*.md",
        "tests/**/*.md",
    )
    for path in ROOT.glob(pattern)
)


MAIL = '[email]\nhost = "smtp.example.org"\nsender = "office@example.org"\n'
"""What goes out by e-mail needs a server."""


def page(name: str) -> str:
    return (ROOT / name).read_text()


def column(text: str, number: int = 1) -> set[str]:
    """Take the code words of one column of every table of a page."""
    rows = (line.split(" | ") for line in text.splitlines() if line.startswith("| "))
    cells = (row[number - 1].strip("| ") for row in rows if len(row) >= number)
    return {m[1] for cell in cells if (m := re.fullmatch(r"`([^`]+)`", cell))}


def section(text: str, heading: str) -> str:
    return re.split(r"\n## ", text.partition(f"\n## {heading}\n")[2])[0]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_made_from_the_code_is_current(name: str) -> None:
    assert page(name) == DOCUMENTS[name](), "run: make docs"


def test_the_example_configuration_is_the_default_configuration() -> None:
    assert load(ROOT / "config.example.toml", {}) == Config()


def test_every_commented_line_of_the_example_is_a_key_that_exists() -> None:
    known = {key.name for part in sections() for key in part.keys}
    named = set(re.findall(r"^#? ?([a-z_]+) = ", page("config.example.toml"), re.MULTILINE))
    assert named == known


def test_every_key_has_a_reason_and_every_number_a_unit_and_a_range() -> None:
    for part in sections():
        assert part.why, part.name
        for key in part.keys:
            assert key.why.endswith("."), f"{part.name}.{key.name}"
            if isinstance(key.default, int) and not isinstance(key.default, bool) and key.name != "port":
                assert key.unit, f"{part.name}.{key.name}"
                assert "–" in key.choices, f"{part.name}.{key.name}"


def test_every_unset_example_is_a_value_that_is_accepted(tmp_path: Path) -> None:
    for part in sections():
        shown = {
            key.name: key.example
            for key in part.keys
            if key.example is not None and "…" not in str(key.example)
        }
        if part.repeated:
            continue
        lines = [f"{name} = {toml(value)}" for name, value in shown.items()]
        path = tmp_path / f"{part.name}.toml"
        path.write_text("\n".join([*([MAIL] if part.name == "alerts" else []), f"[{part.name}]", *lines]))
        path.chmod(0o600)
        load(path, {})


ALTERNATIVES = {"route": {"pool", "line"}, "budget": {"line", "key"}, "line": {"iccid", "imsi"}}
"""Keys of which an entry has only one."""

BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    "content_rule": {"tag": {"action": "tag"}},
    "line": {"parts_cost_by_prefix": {"parts_cost": "0.055"}, "currency": {"parts_cost": "0.055"}},
    "inbound_rule": {"": {"tag": "topic=hours"}, "webhook": {"secret": f"whsec_{'A' * 32}"}},
}
"""What an entry needs beside one key; below "" beside any."""


def entries(part: SectionDoc) -> Iterator[dict[str, Any]]:
    """Give entries that the examples make: each example in one, beside those of keys that every entry needs."""
    needed = {key.name: key.example for key in part.keys if key.required}
    either = ALTERNATIVES.get(part.name, set())
    for key in part.keys:
        shown = key.example if key.example is not None else key.default
        if "…" not in str({**needed, "": shown}) and shown not in (None, [], {}):
            first = next((k for k in part.keys if k.name in either), None)
            others = {first.name: first.example} if first is not None and key.name not in either else {}
            beside = BESIDE.get(part.name, {})
            yield {**needed, **others, **beside.get("", {}), key.name: shown, **beside.get(key.name, {})}


@pytest.mark.parametrize("part", [part for part in sections() if part.repeated], ids=lambda part: part.name)
def test_every_example_of_a_repeated_section_is_accepted(part: SectionDoc, tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    for entry in entries(part):
        lines = [f"{name} = {toml(value)}" for name, value in entry.items()]
        path.write_text("\n".join([MAIL, f"[[{part.name}]]", *lines]))
        path.chmod(0o600)
        load(path, {})


def test_every_route_stands_in_the_http_page_and_the_other_way_round() -> None:
    in_code = {f"{route.method} {route.path}" for route in ROUTES}
    assert column(section(page("docs/http.md"), "Routes")) == in_code


def test_every_scope_stands_in_the_http_page() -> None:
    assert set(re.findall(r"`([^`]+)`", section(page("docs/http.md"), "Scopes"))) == set(SCOPES)


def test_every_error_code_has_a_section_and_the_other_way_round() -> None:
    text = page("docs/errors.md")
    assert set(re.findall(r"^## `([a-z_0-9]+)`$", text, re.MULTILINE)) == set(CATALOGUE)
    assert set(re.findall(r"^\| \[`([a-z_0-9]+)`\]", text, re.MULTILINE)) == set(CATALOGUE)


def test_every_state_and_happening_stands_in_the_states_page() -> None:
    text = page("docs/states.md")
    assert column(section(text, "States")) == {state.value for state in MessageState}
    assert column(section(text, "What changes them")) == {happening.value for happening in Happening}
    assert column(section(text, "Parts")) == {part.value for part in PartState}


ARROWS = {
    (source.value, target.value, happening.value)
    for source, ways in TRANSITIONS.items()
    for happening, target in ways.items()
}


def test_the_diagram_has_exactly_the_arrows_of_the_table() -> None:
    text = page("gateway/README.md")
    drawn = {
        (source, target, word)
        for source, target, words in re.findall(r"^    (\w+) --> (\w+): (.+)$", text, re.MULTILINE)
        for word in words.split(", ")
    }
    assert drawn == ARROWS


def test_the_drawing_has_a_ring_and_an_arrow_for_exactly_the_ways_of_the_table() -> None:
    """Rings and arrows are where their columns are, whatever the titles of the rows say."""
    drawing = ET.fromstring((ROOT / "docs/screenshots/states.svg").read_text())
    columns = {
        node.get("x"): node.text
        for node in drawing.findall(f"{SVG}text")
        if node.get("text-anchor") == "middle"
    }
    drawn = set()
    for row in drawing.findall(f"{SVG}g")[1:]:
        name = row.findtext(f"{SVG}text")
        (end,) = {
            re.split(r"[M ]", node.get("d") or "")[1]
            for node in row.findall(f"{SVG}path")
            if node.get("class") == "ink"
        }
        rings = [node.get("cx") for node in row.findall(f"{SVG}circle")]
        drawn |= {(columns[ring], columns[end], name) for ring in rings}
    assert drawn == ARROWS


def test_every_event_type_stands_in_the_events_page_and_can_be_subscribed_to() -> None:
    assert column(section(page("docs/events.md"), "Types")) == set(EVENT_TYPES)
    assert set(get_args(EventName)) == {"*", *EVENT_FAMILIES, *EVENT_TYPES}


def test_every_kind_of_alert_stands_in_the_events_page() -> None:
    named = column(section(page("docs/events.md"), "Kinds of policy.alert"))
    assert named >= {*KINDS, NEW_COUNTRY, NUMBER_RANGE}


def conflicts_told() -> set[str]:
    """Gather the reasons of ``device.conflict`` in the code: what its function is called, or bound, with."""
    return {
        each.value
        for path in (ROOT / "gateway").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and {ast.unparse(node).rpartition(".")[2] for node in (call.func, *call.args)}
        & {"conflict", "_conflict"}
        for each in call.args
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def test_every_reason_of_a_conflict_has_words_on_the_pages_and_stands_in_the_events_page() -> None:
    told = conflicts_told()
    assert "spoke_for_another_device" in told
    assert told == set(CONFLICTS) == column(section(page("docs/events.md"), "Reasons of device.conflict"))


def test_every_message_state_that_is_told_of_has_an_event_type() -> None:
    told = {f"message.{state.value}" for state in MessageState} | {"message.received"}
    assert {event for event in EVENT_TYPES if event.startswith("message.")} == told


def test_every_command_stands_in_the_command_line_page_and_the_other_way_round() -> None:
    assert re.findall(r"^## gateway (.+)$", page("docs/cli.md"), re.MULTILINE) == [c.name for c in COMMANDS]


def test_every_sandbox_number_stands_in_the_sandbox_page_and_the_other_way_round() -> None:
    assert column(page("docs/sandbox.md")) == set(SANDBOX)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if re.match(r"[a-z]+://", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{target} in {path.name}"
        if anchor:
            assert anchor in anchors(there), f"{target} in {path.name}"


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_gateway_command_in_a_code_block_exists(path: Path) -> None:
    names = {c.name for c in COMMANDS} | {c.name.split()[0] for c in COMMANDS}
    for block in re.findall(r"```\w*\n(.*?)```", path.read_text(), re.DOTALL):
        for words in re.findall(r"^(?:\S*/)?gateway ([a-z-]+(?: [a-z-]+)?)", block, re.MULTILINE):
            assert words in names or words.split()[0] in names, f"gateway {words} in {path.name}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_toml_block_is_a_configuration_that_loads(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text(), re.DOTALL)):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        file.chmod(0o600)
        load(file, {})


@pytest.mark.parametrize("package", ["gateway", "device_bridge"])
def test_every_module_has_its_place_in_a_page_of_its_package(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        folders = [
            folder for folder in path.relative_to(ROOT).parents if (ROOT / folder / "README.md").exists()
        ]
        text, inside = page(f"{folders[0]}/README.md"), path.relative_to(ROOT / folders[0])
        rooms = {
            f"`{path.stem}`",
            f"`{inside}`",
            *(f"{folder}/`" for folder in inside.parents if folder.name),
        }
        assert any(room in text for room in rooms), f"{path.relative_to(ROOT)} is in no table of its README"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(path: Path) -> None:
    there = {found.name for found in ROOT.glob("tests/**/*.py")}
    there |= {found.stem for found in ROOT.glob("android_companion/src/test/**/*.java")}
    for name in re.findall(r"`(?:[\w/]+/)?(test_\w+\.py|[A-Z]\w+Test)`", path.read_text()):
        assert name in there, f"{name} in {path.name}"


@pytest.mark.parametrize("package", ["gateway", "device_bridge"])
def test_every_module_that_a_page_of_a_package_gives_a_room_to_exists(package: str) -> None:
    for readme in (ROOT / package).rglob("README.md"):
        for row in re.findall(
            r"^\| ((?:\[?`[^`]+`[^|`]*)+) \|", section(readme.read_text(), "Rooms"), re.MULTILINE
        ):
            for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", row):
                assert (readme.parent / name).exists(), f"{name} in {readme.relative_to(ROOT)}"


def test_make_lists_every_target_that_documents_name() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", page("Makefile"), re.MULTILINE))
    for path in PAGES:
        for word in re.findall(r"`make ([a-z0-9-]+)[^`]*`", path.read_text()):
            assert word in targets, f"make {word} in {path.name}"


def test_the_version_of_the_package_has_a_place_in_the_changelog() -> None:
    version = tomllib.loads(page("pyproject.toml"))["project"]["version"]
    assert "## [Unreleased]" in page("CHANGELOG.md") or f"## [{version}]" in page("CHANGELOG.md")


def test_nothing_in_the_project_names_the_machine_it_was_made_on() -> None:
    for name in (
        "requirements.lock",
        "requirements-dev.lock",
        "Makefile",
        "pyproject.toml",
        "config.example.toml",
    ):
        text = page(name)
        assert "/work" not in text, name
        assert "--index-url" not in text, name
        assert "--find-links" not in text, name
        assert not re.search(
            r"https?://(?!192\.168|127\.0\.0\.1|hooks\.slack\.com|sms\.example|[a-z.]*example)", text
        ), name
