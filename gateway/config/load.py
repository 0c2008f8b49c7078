"""Owns reading the configuration: file, then environment, then command line.

Refuses to guess: an unknown key is an error that names the nearest known one. Writes nothing.
Source: TOML 1.0; the interface page of the project for names and environment variables.
"""

from __future__ import annotations

import json
import stat
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.described import SECRETS
from gateway.config.explain import bare, explain, is_section
from gateway.config.section import Section
from gateway.config.sections import Config

_ENV_PREFIX = "GATEWAY__"


class ConfigError(Exception):
    """The configuration cannot be used. ``str()`` is one line: where, what, and what would be right."""


def load(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> Config:
    """Read the configuration.

    Args:
        path: TOML file; None takes ``GATEWAY_CONFIG`` from ``environ``; defaults where that is unset too.
        environ: ``GATEWAY__SECTION__KEY`` overrides the file (``GATEWAY__MODEM__0__PIN`` in a list).
        overrides: Dotted keys from the command line (``server.port``), stronger than both.

    Raises:
        ConfigError: unreadable, unknown key, wrong type or range; names file and key.
    """
    origins = origins_of(path, environ, overrides)
    chosen = _chosen(path, environ)
    tree = _read(chosen) if chosen is not None else {}
    for name, raw in sorted(environ.items()):
        if name.startswith(_ENV_PREFIX):
            where = _path_of(name)
            _put(tree, where, _env_value(name, where, raw), name)
    for dotted, value in (overrides or {}).items():
        _put(tree, tuple(dotted.split(".")), value, dotted)
    config = _validate(tree, origins)
    if chosen is not None:
        _guard_secrets(chosen, config)
        config = _anchor(config, chosen.parent)
    return config


def origins_of(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None
) -> dict[tuple[str, ...], str]:
    """Say who sets what beside the file: variables and options by the path of their key; the file itself at ()."""
    chosen = _chosen(path, environ)
    origins: dict[tuple[str, ...], str] = {(): str(chosen) if chosen is not None else "configuration"}
    origins |= {_path_of(name): name for name in sorted(environ) if name.startswith(_ENV_PREFIX)}
    for dotted in overrides or {}:
        where = tuple(dotted.split("."))
        origins[where] = f"--{where[-1].replace('_', '-')}"
    return origins


def _chosen(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    return path or (Path(environ["GATEWAY_CONFIG"]) if environ.get("GATEWAY_CONFIG") else None)


def _path_of(variable: str) -> tuple[str, ...]:
    return tuple(variable[len(_ENV_PREFIX) :].lower().split("__"))


# ------------------------------------------------------------------ reading


def _read(path: Path) -> dict[str, Any]:
    try:
        octets = path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}") from None
    try:
        return tomllib.loads(octets.decode())
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path}: is not UTF-8 (octet {e.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{path}: is not TOML: {e}") from None


def _env_value(name: str, where: tuple[str, ...], raw: str) -> object:
    """Read a variable as the key's type asks: text as it stands, everything else as a TOML value."""
    wanted = _annotation(where)
    if wanted is None or _takes_text(wanted):
        return raw
    if typing.get_origin(wanted) is tuple and not raw.lstrip().startswith("["):
        return [item.strip() for item in raw.split(",") if item.strip()]
    try:
        return tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        # The value may be a secret, like a list of addresses with tokens: it is not repeated.
        raise ConfigError(f"{name}: cannot be read; write a number, true, false or a [list]") from None


def _annotation(where: tuple[str, ...]) -> Any:
    """Find the bare type of a key; None where there is no such key (validation will say so)."""
    model: Any = Config
    for word in where:
        if word.isdigit():
            continue
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or word not in model.model_fields:
            return None
        model = bare(model.model_fields[word].annotation)
        if typing.get_origin(model) is tuple and is_section(bare(typing.get_args(model)[0])):
            model = bare(typing.get_args(model)[0])
    return None if is_section(model) else model


def _takes_text(kind: Any) -> bool:
    return kind in (str, Path) or typing.get_origin(kind) is typing.Literal


def _put(tree: dict[str, Any], where: tuple[str, ...], value: object, name: str) -> None:
    """Lay ``value`` at ``where``; a number in the path is a place in an array of tables."""
    if len(where) < 2 or not all(where):
        raise ConfigError(f"{name}: names no key; write it like GATEWAY__SERVER__PORT")
    here: Any = tree
    for word, following in zip(where, (*where[1:], None), strict=True):
        slot: Any = int(word) if isinstance(here, list) and word.isdigit() else word
        if isinstance(here, list):
            if not isinstance(slot, int) or slot > len(here):
                raise ConfigError(f"{name}: entries are counted from 0 without gaps; the next is {len(here)}")
            if slot == len(here):
                here.append({})
        elif not isinstance(here, dict):
            raise ConfigError(f"{name}: {word} stands below a key that is no section")
        if following is None:
            here[slot] = value
        else:
            empty: Any = [] if following.isdigit() else {}
            here = here[slot] if isinstance(here, list) else here.setdefault(slot, empty)


def _validate(tree: dict[str, Any], origins: Mapping[tuple[str, ...], str]) -> Config:
    try:
        # Through JSON: there strict mode takes arrays for tuples and text for paths, and nothing else.
        return Config.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as e:
        raise ConfigError(explain(e, origins)) from None


# ------------------------------------------------------------------ files


def _guard_secrets(path: Path, config: Config) -> None:
    """Refuse a file with a PIN or a signing secret that every account of this machine can read."""
    secret = any(_holds(getattr(config, section), name) for section, name in SECRETS)
    if secret and path.stat().st_mode & stat.S_IRWXO:
        raise ConfigError(f"{path}: holds a PIN or a secret and others can read it; run: chmod 600 {path}")


def _holds(held: Section | tuple[Section, ...], name: str) -> bool:
    return any(getattr(each, name) for each in (held if isinstance(held, tuple) else (held,)))


def _anchor(config: Config, folder: Path) -> Config:
    """Take relative certificate paths from the folder of the file, not from where the program was started."""
    changes: dict[str, object] = {}
    cert, private = config.server.tls_cert, config.server.tls_key
    if cert is not None and private is not None:
        changes["server"] = config.server.model_copy(
            update={"tls_cert": folder / cert, "tls_key": folder / private}
        )
    if config.email.ca_file is not None:
        changes["email"] = config.email.model_copy(update={"ca_file": folder / config.email.ca_file})
    return config.model_copy(update=changes) if changes else config
