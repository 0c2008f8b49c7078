"""Owns the grammar of the command line: which command is meant, help, and "did you mean".

Knows no command's work and imports nothing but argparse, so that help answers at once.
Source: exit status 2 for usage (the interface page of the project).
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NoReturn

from gateway.cli.commands import COMMANDS, Command

_BY_NAME = {c.name: c for c in COMMANDS}
_FAMILY_SHOWN = 4
"""Commands of one first word that the overview lists singly, where that word is a command too."""


class Parser(argparse.ArgumentParser):
    """argparse with examples before everything else, and errors of one line and one hint."""

    def format_help(self) -> str:
        """Write what the command is for and its examples, then how it is called."""
        usage, _, rest = super().format_help().partition(f"{self.description}\n\n")
        return f"{self.description}\n\n{usage}{rest}"

    def error(self, message: str) -> NoReturn:
        usage_error(message, f"{self.prog} --help")


def usage_error(message: str, hint: str) -> NoReturn:
    """End with status 2, one line why and one line what to do."""
    print(f"error: {message}", file=sys.stderr)
    print(f"hint:  {hint}", file=sys.stderr)
    sys.exit(2)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ``run`` of the result names the function. Ends the program for help and errors."""
    if not argv:
        print(overview(), file=sys.stderr)
        sys.exit(2)
    if argv[0] in ("-h", "--help", "help"):
        print(overview())
        sys.exit(0)
    if argv[0] in ("--version", "version"):
        return argparse.Namespace(run="version:version")
    command, rest = _command(argv)
    parser = build(command)
    found, unknown = parser.parse_known_args(rest)
    if unknown:
        _refuse(parser, unknown[0])
    found.run = command.run
    return found


def build(command: Command) -> Parser:
    """Build the parser of one command; its description begins with examples."""
    parser = Parser(
        prog=f"gateway {command.name}",
        description=_described(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser._positionals.title = "arguments"  # noqa: SLF001  (argparse calls them positional)
    command.configure(parser)
    parser.usage = _usage(command, parser)
    return parser


def overview() -> str:
    """Write the help of ``gateway`` itself: one screen, examples first."""
    return (
        "An SMS gateway on your own SIM cards.\n\nexamples:\n"
        "  gateway serve\n"
        '  gateway send +99900000001 "Hello" --wait\n'
        "  gateway doctor\n\n"
        f"commands:\n{_grouped(COMMANDS)}\n\n"
        "gateway COMMAND --help shows its arguments and examples; gateway --version the version."
    )


def _command(argv: Sequence[str]) -> tuple[Command, Sequence[str]]:
    """Find the command: two words before one, so that ``lines ussd`` is not ``lines`` with an argument."""
    for words in (2, 1):
        command = _BY_NAME.get(" ".join(argv[:words]))
        if command is not None and (words == 1 or len(argv) > 1):
            _watch_second_word(command, argv)
            return command, argv[words:]
    group = [c for c in COMMANDS if c.name.startswith(f"{argv[0]} ")]
    if group and (len(argv) == 1 or argv[1] in ("-h", "--help")):
        print(f"commands:\n{_listed(group)}", file=sys.stderr if len(argv) == 1 else sys.stdout)
        sys.exit(2 if len(argv) == 1 else 0)
    if group:
        unknown_word("command", " ".join(argv[:2]), [c.name for c in group])
    return unknown_word("command", argv[0], {c.name.split()[0] for c in COMMANDS})


def _watch_second_word(command: Command, argv: Sequence[str]) -> None:
    """``lines usd`` is a misspelt ``lines ussd``: say so rather than "one argument too many"."""
    group = [c.name for c in COMMANDS if c.name.startswith(f"{command.name} ")]
    if group and len(argv) > 1 and not argv[1].startswith("-"):
        unknown_word("command", " ".join(argv[:2]), group)


def unknown_word(what: str, word: str, known: Iterable[str]) -> NoReturn:
    """End with the known word that looks most like ``word``."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    suggestion = f'did you mean "{near[0]}"? ' if near else ""
    usage_error(f'no {what} "{word}"', f"{suggestion}All commands: gateway --help")


def _refuse(parser: Parser, word: str) -> NoReturn:
    if not word.startswith("-"):
        parser.error(f"one argument too many: {word}")
    options = [o for action in parser._actions for o in action.option_strings]  # noqa: SLF001  (argparse has no list)
    option = word.partition("=")[0]
    near = difflib.get_close_matches(option, options, n=1, cutoff=0.5)
    suggestion = f'did you mean "{near[0]}"? ' if near else ""
    usage_error(f'no option "{option}"', f"{suggestion}All options: {parser.prog} --help")


def _usage(command: Command, parser: Parser) -> str:
    """Write how it is called in one line: what has to be given, and that there are options."""
    # argparse has no list of what it was told.
    choices = [group._group_actions for group in parser._mutually_exclusive_groups if group.required]  # noqa: SLF001
    options = [action for action in parser._get_optional_actions() if action.required]  # noqa: SLF001
    words = [f"({' | '.join(map(_given, choice))})" for choice in choices]
    words += [*map(_given, options), "[options]"]
    for action in parser._get_positional_actions():  # noqa: SLF001
        words += [_given(action) if action.required else f"[{_given(action)}]"]
    return " ".join(["gateway", command.name, *words])


def _given(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else ""
    return " ".join(filter(None, [*action.option_strings[:1], value]))


def _described(command: Command) -> str:
    examples = "\n".join(f"  {line}" for line in command.examples)
    family = [c for c in COMMANDS if c.name.startswith(f"{command.name} ")]
    more = f"\n\nmore commands:\n{_listed(family)}" if family else ""
    return f"{command.summary[0].upper()}{command.summary[1:]}.\n\nexamples:\n{examples}{more}"


def _listed(commands: Iterable[Command]) -> str:
    return "\n".join(f"  {c.name:<17} {c.summary}" for c in commands)


def _grouped(commands: Iterable[Command]) -> str:
    """List commands for one screen: a large family, or one without a command of its own name, takes one line."""
    lines: list[str] = []
    for word, family in groupby(commands, lambda command: command.name.split()[0]):
        members = list(family)
        if len(members) <= _FAMILY_SHOWN and members[0].name == word:
            lines.append(_listed(members))
        else:
            verbs = ", ".join(member.name.removeprefix(f"{word} ") for member in members)
            lines.append(f"  {f'{word} …':<17} {verbs}")
    return "\n".join(lines)
