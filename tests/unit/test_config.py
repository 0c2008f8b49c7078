"""Proves that the configuration is read from file, environment and command line, and refused with one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load, resolve_data_dir

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(folder: Path, text: str, **environ: str) -> str:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith((str(path), "GATEWAY__"))
    return said.removeprefix(f"{path}: ")


def test_without_file_and_environment_everything_has_its_default() -> None:
    config = load(None, {})
    assert config == Config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert (config.messages.max_queued, config.messages.max_parts) == (100_000, 6)
    assert (config.lines.per_minute, config.lines.per_day) == (30, 1000)
    assert config.store.encrypt
    assert config.sandbox.lines == 2


def test_a_file_sets_values_and_lists_of_tables(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
        [server]
        port = 9000
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [[modem]]
        port = "socket://127.0.0.1:7001"
        pin = "1234"
        smsc = "+44 7958 879879"
        country = "gb"
        [[modem]]
        port = "/dev/pts/7"
        [[line]]
        iccid = "8944110068000000001"
        per_day = 0
        [[webhook]]
        url = "http://192.168.1.5/hook"
        events = ["message.delivered", "line.*"]
        secret = "{SECRET}"
        """,
    )
    config = load(path, {})
    assert config.server.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert [m.port for m in config.modem] == ["socket://127.0.0.1:7001", "/dev/pts/7"]
    assert (config.modem[0].pin, config.modem[0].smsc, config.modem[0].country) == (
        "1234",
        "+447958879879",
        "GB",
    )
    assert (config.line[0].per_day, config.line[0].per_minute) == (0, None)
    assert config.webhook[0].events == ("message.delivered", "line.*")
    assert config.webhook[0].include_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprot = 1", "server.prot: unknown key; did you mean server.port?"),
        ("[servr]\nport = 1", "[servr]: unknown key; did you mean server?"),
        ("[messages]\nrate_limit = 3", "messages.rate_limit: unknown key; did you mean server.rate_limit?"),
        ("[server]\nxyzzy = 3", "server.xyzzy: unknown key"),
        ('[[modem]]\nprot = "/dev/x"', "modem[0].prot: unknown key; did you mean modem.port? (and 1 more)"),
        ('[tenant]\nname = "a"', "[tenant]: is not in this version; remove it"),
        ("[[tenant]]\nname = 'a'", "[tenant]: is not in this version; remove it"),
        ("[server]\nhsts = true", "server.hsts: is not in this version; remove it"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one_or_the_later_version(
    tmp_path: Path, text: str, said: str
) -> None:
    assert refusal(tmp_path, text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nport = 70000", "server.port: must be at most 65,535 (is 70000)"),
        ("[server]\nmax_body_bytes = 1", "server.max_body_bytes: must be at least 1,024 (is 1)"),
        ('[server]\nport = "8080"', "server.port: must be a whole number"),
        ("[server]\nport = true", "server.port: must be a whole number"),
        ("[server]\nhost = 1", "server.host: must be text in quotes"),
        ('[store]\nencrypt = "yes"', "store.encrypt: must be true or false"),
        ("server = 3", "[server]: must be a section"),
        ("modem = 3", "[modem]: must be a list of tables; write [[modem]]"),
        ("[modem]\nport = 'x'", "[modem]: must be a list of tables; write [[modem]]"),
        ('[messages]\non_doubt = "guess"', "messages.on_doubt: must be 'hold' or 'resend'"),
        ('[server]\ntls_cert = "a.pem"', "[server]: tls_cert and tls_key belong together; set both or none"),
        ("[[modem]]\nbaudrate = 9600", "modem[0].port: is required"),
        ('[[line]]\nlabel = "Shop"', "line[0]: name the SIM by iccid, imsi or number"),
        (
            '[policy]\nhome_countries = ["UK"]',
            'policy.home_countries[0]: "UK" is not a country; write two letters of ISO 3166, like "GB"',
        ),
        (
            '[policy]\ntimezone = "Europe"',
            'policy.timezone: "Europe" is not a time zone; write it like "Europe/London"',
        ),
        (
            '[[line]]\nnumber = "+447700900101"\nquiet_hours = "00:00-24:00"',
            "line[0].quiet_hours: 00:00-24:00 is the whole day: nothing would ever be sent; leave some of it open",
        ),
        (
            '[[line]]\nnumber = "+447700900101"\nparts_cost_by_prefix = { "+44" = "0.05" }\ncurrency = "GBP"',
            "line[0]: parts_cost_by_prefix needs parts_cost; set parts_cost too, for all other numbers",
        ),
        (
            '[[line]]\nnumber = "+447700900101"\ncurrency = "GBP"',
            "line[0]: currency needs parts_cost; set parts_cost too, or take currency out",
        ),
        (
            f'[[webhook]]\nurl = "gopher://x"\nsecret = "{SECRET}"',
            'webhook[0].url: is not an http or https URL (it begins with "gopher"); write it like "https://example.org/hook"',
        ),
        (
            '[[content_rule]]\nname = "r"\npattern = "x"\naction = "hold"\n' * 2,
            "content_rule.name r stands twice",
        ),
        (
            '[policy]\nkeywords = { remove = ["MAYBE"] }',
            '[policy]: keywords.remove: "MAYBE" is no keyword; name one of the table of keywords',
        ),
        (
            '[store]\nurl = "postgresql://u@h/d"',
            '[store]: PostgreSQL is not in this version; use "sqlite:///gateway.db"',
        ),
        ("x = [", "is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place_and_what_would_be_right(
    tmp_path: Path, text: str, said: str
) -> None:
    assert refusal(tmp_path, text) == said


@pytest.mark.parametrize(
    "text",
    [
        '[server]\npublic_url = "ftp://x"',
        '[server]\npublic_url = "https://u:p@x"',
        '[server]\nallowed_hosts = ["http://x"]',
        '[server]\ntrusted_proxies = ["10.0.0.300"]',
        '[messages]\ndefault_region = "GBR"',
        '[[modem]]\nport = "ttyUSB0"',
        '[[modem]]\nport = "socket://host"',
        '[[modem]]\nport = "socket://host:0"',
        '[[modem]]\nport = "rfc2217://host:1"',
        '[[modem]]\nport = "/dev/a"\nsmsc = "07958"',
        '[[modem]]\nport = "/dev/a"\npool = "sandbox"',
        '[[modem]]\nport = "/dev/a"\npool = "A b"',
        '[[line]]\niccid = "12"',
        '[[line]]\niccid = "8944110068000000001"\nimsi = "234150000000001"',
        '[[modem]]\nport = "/dev/a"\n[[modem]]\nport = "/dev/a"',
        f'[[webhook]]\nurl = "gopher://x"\nsecret = "{SECRET}"',
        f'[[webhook]]\nurl = "http://u:p@x/"\nsecret = "{SECRET}"',
        '[[webhook]]\nurl = "http://x/"\nsecret = "whsec_short"',
        f'[[webhook]]\nurl = "http://x/"\nsecret = "{SECRET}"\nevents = ["message.deliverd"]',
    ],
)
def test_values_of_a_wrong_shape_are_refused(tmp_path: Path, text: str) -> None:
    refusal(tmp_path, text)


def test_a_refused_pin_or_secret_is_not_repeated_in_the_error(tmp_path: Path) -> None:
    for text in (
        '[[modem]]\nport = "/dev/a"\npin = "12x4567"',
        '[[webhook]]\nurl = "http://x/"\nsecret = "12x4567"',
        '[slack]\nwebhook_url = "hooks.slack.com/services/T000/B000/12x4567"',
        '[slack]\nwebhook_url = "12x4567 https://hooks.slack.com"',
        '[slack]\nwebhook_url = "https://a:12x4567@\u2100/"',
        '[slack]\nwebhook_url = "https:12x4567://"',
        '[alerts]\napprise = ["12x4567"]',
        '[alerts]\napprise = ["12x4567/a?b=://"]',
    ):
        assert "12x4567" not in refusal(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load(None, {"GATEWAY__ALERTS__APPRISE": "[ntfy://12x4567"})
    assert "12x4567" not in str(refused.value)


def test_secrets_do_not_show_when_the_configuration_is_printed(tmp_path: Path) -> None:
    text = f'[[modem]]\nport = "/dev/a"\npin = "9731"\n[[webhook]]\nurl = "http://x/"\nsecret = "{SECRET}"'
    shown = repr(load(written(tmp_path, text), {}))
    assert "9731" not in shown
    assert SECRET not in shown


def test_a_misspelt_event_names_the_nearest_one(tmp_path: Path) -> None:
    text = f'[[webhook]]\nurl = "http://x/"\nsecret = "{SECRET}"\nevents = ["message.deliverd"]'
    assert 'did you mean "message.delivered"?' in refusal(tmp_path, text)


def test_the_environment_is_stronger_than_the_file_and_the_command_line_than_both(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\nport = 1\nhost = "0.0.0.0"')
    environ = {"GATEWAY__SERVER__PORT": "2", "GATEWAY__LOG__LEVEL": "debug", "UNRELATED": "x"}
    config = load(path, environ, {"server.port": 3})
    assert (config.server.port, config.server.host, config.log.level) == (3, "0.0.0.0", "debug")
    assert load(path, environ).server.port == 2


def test_the_environment_reads_each_kind_of_value() -> None:
    config = load(
        None,
        {
            "GATEWAY__SERIAL__DISCOVER": "false",
            "GATEWAY__SERVER__TRUSTED_PROXIES": "10.0.0.1, 10.2.0.0/16",
            "GATEWAY__SERVER__ALLOWED_HOSTS": '["a.lan"]',
            "GATEWAY__MESSAGES__DEFAULT_REGION": "de",
            "GATEWAY__MODEM__0__PORT": "socket://127.0.0.1:7001",
            "GATEWAY__MODEM__0__PIN": "0123",
            "GATEWAY__MODEM__1__PORT": "/dev/ttyUSB0",
        },
    )
    assert not config.serial.discover
    assert config.server.trusted_proxies == ("10.0.0.1/32", "10.2.0.0/16")
    assert config.server.allowed_hosts == ("a.lan",)
    assert config.messages.default_region == "DE"
    assert [(m.port, m.pin) for m in config.modem] == [
        ("socket://127.0.0.1:7001", "0123"),
        ("/dev/ttyUSB0", None),
    ]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY__SERVER__PRT", "1", "server.prt: unknown key; did you mean server.port?"),
        ("GATEWAY__SERVER__PORT", "x", "cannot be read; write a number, true, false or a [list]"),
        ("GATEWAY__SERVER__PORT", "70000", "server.port: must be at most 65,535 (is 70000)"),
        ("GATEWAY__SERVER", "1", "names no key; write it like GATEWAY__SERVER__PORT"),
        ("GATEWAY__MODEM__1__PORT", "/dev/x", "entries are counted from 0 without gaps; the next is 0"),
        ("GATEWAY__LOG__LEVEL", "loud", "log.level: must be 'debug', 'info', 'warning' or 'error'"),
        ("GATEWAY__SERVER__PORT__X", "1", "server.port: must be a whole number"),
        ("GATEWAY__MODEM__X__PORT", "/dev/x", "[modem]: must be a list of tables; write [[modem]]"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_own_name(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {name: value})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{name}: ")
    assert str(caught.value).endswith(said)


def test_what_two_sections_together_get_wrong_is_refused_by_the_name_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[alerts]\nemail = ["office@example.org"]')
    with pytest.raises(ConfigError) as refused:
        load(path, {}, {"server.port": 8080})
    assert str(refused.value).startswith(f"{path}: alerts.email needs a mail server")


def test_a_wrong_option_is_refused_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match=r"^--port: server\.port: must be at most 65,535"):
        load(None, {}, {"server.port": 99_999})


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "[server]\nport = 4")
    assert load(None, {"GATEWAY_CONFIG": str(path)}).server.port == 4


def test_an_unreadable_file_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "missing.toml", {})
    (tmp_path / "latin.toml").write_bytes(b'[log]\nlevel = "\xe9"')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(tmp_path / "latin.toml", {})


def test_a_file_with_a_pin_or_secret_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    text = '[[modem]]\nport = "/dev/a"\npin = "1234"'
    with pytest.raises(ConfigError, match="run: chmod 600"):
        load(written(tmp_path, text, 0o644), {})
    assert load(written(tmp_path, text, 0o640), {}).modem[0].pin == "1234"
    assert load(written(tmp_path, "[server]\nport = 5", 0o644), {}).server.port == 5


def test_certificate_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\ntls_cert = "tls/c.pem"\ntls_key = "/etc/k.pem"')
    server = load(path, {}).server
    assert (server.tls_cert, server.tls_key) == (tmp_path / "tls/c.pem", Path("/etc/k.pem"))


def test_the_database_path_is_relative_to_the_data_directory(tmp_path: Path) -> None:
    assert load(None, {}).store.path(tmp_path) == tmp_path / "gateway.db"
    absolute = load(None, {"GATEWAY__STORE__URL": "sqlite:////var/lib/gateway.db"})
    assert absolute.store.path(tmp_path) == Path("/var/lib/gateway.db")


def test_the_data_directory_comes_from_option_then_environment_then_default(tmp_path: Path) -> None:
    assert resolve_data_dir(tmp_path, {"GATEWAY_DATA_DIR": "/x"}) == tmp_path
    assert resolve_data_dir(None, {"GATEWAY_DATA_DIR": "/x"}) == Path("/x")
    assert resolve_data_dir(None, {}) == Path.cwd() / "data"


def test_the_region_of_numbers_is_that_of_the_modems_when_they_agree() -> None:
    def region(*countries: str, **environ: str) -> str | None:
        modems = {f"GATEWAY__MODEM__{i}__PORT": f"/dev/m{i}" for i in range(len(countries))}
        modems |= {f"GATEWAY__MODEM__{i}__COUNTRY": c for i, c in enumerate(countries) if c}
        return load(None, {**modems, **environ}).region

    assert region() is None
    assert region("GB", "gb") == "GB"
    assert region("GB", "FR") is None
    assert region("GB", "") is None
    assert region("GB", GATEWAY__MESSAGES__DEFAULT_REGION="DE") == "DE"
