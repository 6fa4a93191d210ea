"""The units of deploy/systemd/: valid, narrow, and of settings, commands and roles that exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

from admin.cli import main
from settings.checks import Role
from settings.config import FIELDS, SECRETS, Config, doubts, load

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".service", ".target"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
PROGRAM = "/opt/swpt-trade/bin/swpt-trade"

COMMANDS = {
    "swpt-trade-solver.service": ["solver"],
    "swpt-trade-webserver.service": ["webserver"],
    "swpt-trade-shard-roller@.service": ["worker"],
    "swpt-trade-shard-consumer@.service": ["consume_messages"],
    "swpt-trade-shard-internal-consumer@.service": ["consume_internal_messages"],
    "swpt-trade-shard-flusher@.service": ["flush_all"],
    "swpt-trade-shard-fetcher@.service": ["fetch_debtor_infos"],
    "swpt-trade-shard-triggerer@.service": ["trigger_transfers"],
    "swpt-trade-shard-drainer@.service": ["consume_messages", "--draining-mode"],
    "swpt-trade-shard-internal-drainer@.service": ["consume_internal_messages", "--draining-mode"],
    "swpt-trade-shard-metrics@.service": ["serve_metrics", "--without-figures"],
}
"""What runs all the time; `configure` has units of its own."""

FOR_OPERATORS = {"BASE_DEBTOR_INFO_LOCATOR": "https://example.com/666", "BASE_DEBTOR_ID": "666"}


def drop_ins(unit: str) -> list[Path]:
    """The files that add to a unit, in order: those of its prefixes, and its own."""
    stem = unit.removesuffix(".service").removesuffix("@")
    prefixes = [stem[: match.end()] for match in re.finditer("-", stem)]
    folders = [FOLDER / f"{prefix}.service.d" for prefix in prefixes] + [FOLDER / f"{unit}.d"]
    return sorted((path for folder in folders for path in folder.glob("*.conf")), key=lambda path: path.name)


def settings_of(unit: str) -> dict[str, list[str]]:
    """What a service has of each setting, its additions included; an empty value takes back what was there."""
    found: dict[str, list[str]] = {}
    for path in [FOLDER / unit, *drop_ins(unit)]:
        for line in path.read_text().splitlines():
            if line and line[0] not in "#[":
                name, value = line.split("=", 1)
                found[name] = [*found.get(name, []), value] if value else []
    return found


def command_of(unit: str) -> list[str]:
    """The arguments of the program."""
    (text,) = settings_of(unit)["ExecStart"]
    program, *arguments = shlex.split(text)
    assert program == PROGRAM
    return arguments


def role_of(unit: str) -> Role:
    roles: dict[str, Role] = {"configure": "configure", "solver": "solver", "webserver": "webserver"}
    return roles.get(command_of(unit)[0], "worker")


def environment(unit: str, secrets: Path) -> dict[str, str]:
    """The variables of the unit of shard 0, with secrets that operators could have made."""
    settings = settings_of(unit)
    found = dict(item.split("=", 1) for item in settings["Environment"])
    credentials = dict(item.split(":", 1) for item in settings.get("LoadCredential", []))
    for name, value in found.items():
        if name.endswith("_FILE"):
            key = name.removesuffix("_FILE")
            assert value == f"%d/{key}"
            assert credentials.pop(key).endswith(f"/{key}")
            found[name] = str(secrets / key)
    assert not credentials
    for path in settings["EnvironmentFile"]:
        folder, name = path.rsplit("/", 1)
        assert folder == "/etc/swpt-trade"
        values = dotenv_values(FOLDER / "etc" / name.replace("%i", "0"))
        # Files win over what the unit says.
        assert not values.keys() & (found.keys() - {"APP_METRICS_PORT"})
        found |= {key: value or "" for key, value in values.items()}
    found |= {name: value for name, value in FOR_OPERATORS.items() if found[name] == ""}
    return {name: value.replace("%i", "0") for name, value in found.items()}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what operators put into secrets."""
    folder = tmp_path_factory.mktemp("secrets")
    special = {"PROTOCOL_BROKER_URL": "amqp://shards:secret@broker", "OAUTH2_INTROSPECT_URL": "http://127.0.0.1/tokens"}
    for name in SECRETS:
        (folder / name).write_text(special.get(name, "postgresql://trade_service:secret@host:5432/db"))
    return folder


def configuration(unit: str, secrets: Path) -> Config:
    """What a unit starts with. Raises ConfigError."""
    used = {"configure": ("SOLVER_POSTGRES_URL",), "serve_metrics": ("APP_METRICS_PORT",)}
    command = command_of(unit)
    only = None if command[:2] == ["configure", "worker"] else used.get(command[0])
    return load(role_of(unit), environment(unit, secrets), only)


def test_every_role_has_its_unit() -> None:
    found = {unit: command_of(unit) for unit in SERVICES if "configure" not in unit}
    assert found == COMMANDS
    assert [command_of(unit)[:2] for unit in SERVICES if "configure" in unit] == [
        ["configure", "worker"],
        ["configure", "solver"],
    ]


@pytest.mark.parametrize("unit", SERVICES)
def test_commands_exist_and_take_their_options(unit: str) -> None:
    result = CliRunner().invoke(main, [*command_of(unit), "--help"])
    assert result.exit_code == 0, result.output
    for argument in command_of(unit):
        assert not argument.startswith("-") or argument in result.output


@pytest.mark.parametrize("unit", SERVICES)
def test_every_unit_starts_with_its_settings(unit: str, secrets: Path) -> None:
    known = FIELDS.keys() | {f"{name}_FILE" for name in SECRETS}
    environ = environment(unit, secrets)
    assert environ.keys() <= known
    assert not environ.keys() & set(SECRETS)
    config = configuration(unit, secrets)
    if unit in ("swpt-trade-solver.service", "swpt-trade-webserver.service", "swpt-trade-shard-roller@.service"):
        assert config.warnings() == []
        assert doubts(role_of(unit), environ) == []


def test_a_roller_leaves_to_other_units_what_they_do(secrets: Path) -> None:
    config = configuration("swpt-trade-shard-roller@.service", secrets)
    assert not config.protocol_broker_processes
    assert not config.internal_broker_processes
    assert not config.flush_processes
    assert not config.http_fetch_processes
    assert not config.trigger_transfers_processes
    target = (FOLDER / "swpt-trade-shard@.target").read_text()
    wanted = set(re.findall(r"^Wants=([\w-]+)@%i\.service$", target, re.MULTILINE))
    assert wanted == {
        f"swpt-trade-shard-{part}" for part in ("roller", "consumer", "flusher", "fetcher", "triggerer", "metrics")
    }


def test_servers_that_are_looked_at_have_ports_and_folders_of_their_own(secrets: Path) -> None:
    units = ["swpt-trade-solver.service", "swpt-trade-shard-roller@.service", "swpt-trade-shard-metrics@.service"]
    ports = [configuration(unit, secrets).app_metrics_port for unit in units]
    assert len({*ports, 0}) == 4
    parts = [unit for unit in SERVICES if "-shard-" in unit and "configure" not in unit and "roller" not in unit]
    assert {environment(unit, secrets)["APP_METRICS_DIR"] for unit in parts} == {"/run/swpt-trade-shard-0"}
    assert environment("swpt-trade-shard-roller@.service", secrets)["APP_METRICS_DIR"] == "/run/swpt-trade-roller-0"
    for unit in [*parts, "swpt-trade-shard-roller@.service"]:
        folder = environment(unit, secrets)["APP_METRICS_DIR"]
        assert [f"/run/{name.replace('%i', '0')}" for name in settings_of(unit)["RuntimeDirectory"]] == [folder]


@pytest.mark.parametrize("unit", SERVICES)
def test_no_unit_may_do_what_it_need_not(unit: str) -> None:
    settings = settings_of(unit)
    assert settings["User"] == ["swpt-trade"]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["CapabilityBoundingSet"] == []
    for name in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID"):
        assert settings[name] == ["yes"]
    assert not settings.keys() & {"ReadWritePaths", "StateDirectory", "LogsDirectory", "CacheDirectory"}
    assert (settings["IPAddressDeny"] == []) == ("fetcher" in unit)


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_waits_for_what_it_needs_and_ends_in_time(unit: str) -> None:
    settings = settings_of(unit)
    assert int(settings["TimeoutStopSec"][-1]) >= 15
    if "configure" in unit:
        assert settings["Type"][-1] == "oneshot"
        assert settings["Restart"][-1] == "no"
        assert "ExecStartPre" not in settings
    else:
        assert settings["ExecStartPre"] == [f"{PROGRAM} await_migrations"]
        assert settings["TimeoutStartSec"] == ["infinity"]
        assert settings["Restart"] == ["always"]


def test_secrets_are_those_of_the_instructions() -> None:
    text = (FOLDER / "README.md").read_text()
    listed = {
        (folder, name)
        for folder, names in re.findall(r"^\| `([\w/-]+)` \| (`[A-Z].*?) \|", text, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    used = set()
    for unit in SERVICES:
        for item in settings_of(unit).get("LoadCredential", []):
            name, path = item.split(":")
            folder = path.removeprefix("/etc/swpt-trade/").removesuffix(f"/{name}").replace("%i", "0")
            used.add((folder, name))
    assert listed == used


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_all_units(tmp_path: Path) -> None:
    """In a copy whose program exists."""
    folder = tmp_path / "units"
    shutil.copytree(FOLDER, folder)
    program = tmp_path / "swpt-trade"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in [*folder.rglob("*.service"), *folder.rglob("*.conf")]:
        if path.is_file():
            path.write_text(path.read_text().replace(PROGRAM, str(program)))
    environ = {"SYSTEMD_UNIT_PATH": f"{folder}:", "PATH": "/usr/bin:/bin"}
    units = [str(folder / unit.replace("@.", "@0.")) for unit in UNITS]
    for unit in UNITS:
        if "@." in unit:
            (folder / unit.replace("@.", "@0.")).symlink_to(unit)
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "swpt-trade" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr
