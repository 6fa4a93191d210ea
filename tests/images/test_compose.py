"""The development set-up: docker-compose.yml and development.env fit the service and each other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from dotenv import dotenv_values

from admin import entrypoint
from admin.cli import main
from sandbox.economy.generator import make_economy
from sandbox.protocol.identity import u64
from settings.checks import ROLES, Role
from settings.config import FIELDS, Config, load
from settings.development_env import DEVELOPMENT, development_env

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
TESTS = SERVICES.pop("tests-config")
ENVIRONMENT = {name: value or "" for name, value in dotenv_values(ROOT / "development.env").items()}
DATABASES = ("solver-db", "worker-0-db", "worker-1-db")
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def config_of(service: str, role: Role) -> Config:
    """The configuration that a service of the development set-up starts with."""
    return load(role, ENVIRONMENT | SERVICES[service].get("environment", {}))


def test_the_environment_is_up_to_date() -> None:
    text = (ROOT / "development.env").read_text(encoding="utf-8")
    assert text == development_env(), "run: python -m settings.development_env development.env"
    assert sorted(ENVIRONMENT) == sorted(FIELDS)
    assert len(re.findall(r"^\w+=", text, re.MULTILINE)) == len(FIELDS)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_starts_with_the_environment(role: Role) -> None:
    config = load(role, ENVIRONMENT)
    assert config.warnings() == []
    assert config.app_fetch_private_addresses
    for name in FIELDS:
        if name not in DEVELOPMENT:
            assert getattr(config, name.lower()) == FIELDS[name].default, name


def test_all_services_of_ours_are_there() -> None:
    expected = {"configure-0", "configure-1", "solver", "worker-0", "worker-1", "webserver", "sandbox"}
    assert OURS.keys() == expected
    assert TESTS["build"]["target"] == "tests-image"
    assert shlex.split(TESTS["command"]) == [entrypoint.TEST]
    assert "env_file" not in TESTS
    assert SERVICES.keys() - OURS.keys() == {"rabbitmq", "solver-db", "worker-0-db", "worker-1-db"}
    for service in OURS.values():
        # Whoever wants other settings has them in .env.
        assert service["env_file"] == ["development.env", {"path": ".env", "required": False}]


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_exist_and_take_their_options(name: str) -> None:
    arguments = shlex.split(SERVICES[name]["command"])
    result = CliRunner().invoke(main, [*arguments, "--help"])
    assert result.exit_code == 0, result.output
    for option in arguments[1:]:
        assert not option.startswith("-") or option in result.output


@pytest.mark.parametrize("number", [0, 1])
def test_workers_and_their_configuration_belong_together(number: int) -> None:
    worker, configure = f"worker-{number}", f"configure-{number}"
    owners = {"SOLVER_POSTGRES_URL", "WORKER_POSTGRES_URL"}
    environments = [SERVICES[name]["environment"] for name in (worker, configure)]
    theirs, its = ({k: v for k, v in e.items() if k not in owners} for e in environments)
    assert theirs == its
    config = config_of(worker, "worker")
    assert config.realm.binding_key == f"{number}.#"
    assert config.protocol_broker_queue == f"swpt_trade_{number}"
    assert f"@{worker}-db:" in config.worker_postgres_url
    assert any(f"@{worker}-db:" in url for url in config.app_worker_postgres_urls)
    assert config_of(configure, "configure").setup_rabbitmq_bindings == "yes"
    assert SERVICES[configure]["restart"] == "no"


def test_every_address_is_a_service() -> None:
    text = (ROOT / "development.env").read_text() + (ROOT / "docker-compose.yml").read_text().replace("http://", "")
    hosts = set(re.findall(r"://(?:\w+:\w+@)?([\w-]+)[:/]", text))
    assert "rabbitmq" in hosts
    assert hosts <= SERVICES.keys()
    for name, service in SERVICES.items():
        assert service.get("depends_on", {}).keys() <= SERVICES.keys() - {name}
        if name.endswith("-db"):
            login = service["environment"]
            number = name.removesuffix("-db").removeprefix("worker-") if "worker" in name else "0"
            url = config_of(f"configure-{number}", "configure")
            found = url.worker_postgres_url if "worker" in name else url.solver_postgres_url
            user, password, database = (login[f"POSTGRES_{key}"] for key in ("USER", "PASSWORD", "DB"))
            assert found == f"postgresql://{user}:{password}@{name}:5432/{database}"


def test_the_solver_knows_the_sandbox() -> None:
    arguments = shlex.split(SERVICES["sandbox"]["command"])
    options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    config = config_of("solver", "solver")
    base = make_economy(1, 20, 5).base_debtor_id
    assert config.base_debtor_id == base
    assert config.base_debtor_info_locator == f"https://{options['--name']}:{options['--port']}/{u64(base)}"
    introspect = f"http://{options['--name']}:{options['--introspect-port']}/introspect"
    assert config_of("webserver", "webserver").oauth2_introspect_url == introspect


def test_the_web_server_has_a_health_check_of_its_own() -> None:
    check = SERVICES["webserver"]["healthcheck"]["test"]
    config = config_of("webserver", "webserver")
    assert check[-1] == f"http://127.0.0.1:{config.webserver_port}/trade/health/check/public"
    assert check[1:3] == ["swpt-trade", "health"]


@pytest.mark.parametrize("name", [*SERVICES, "tests-config"])
def test_no_container_can_change_anything(name: str) -> None:
    service = SERVICES.get(name, TESTS)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])
    # Ours say in their image that they are not root, or use that of another service.
    assert name in OURS or service is TESTS or service["image"].startswith("swpt-trade:") or service["user"] != "root"


def test_images_of_others_are_current() -> None:
    images = {service["image"].split("/")[-1] for name, service in SERVICES.items() if name not in OURS}
    assert {re.match(r"\w+:\d+", image)[0] for image in images} == {"postgres:17", "rabbitmq:4"}  # type: ignore[index]


def test_images_of_others_are_pinned() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.fullmatch(r"docker\.io/library/\w+:\d+\.\d+[\w.-]*", service["image"])


def test_everybody_has_the_role_that_is_enough() -> None:
    """Only `configure` is the owner. Who listens to strangers decides nothing, or only what operators decide."""
    roles = re.findall(r"create role (\w+) login password '\1'", (ROOT / "docker" / "roles.sql").read_text())
    assert roles == ["service", "operator", "reader"]
    for name in DATABASES:
        assert SERVICES[name]["volumes"] == ["./docker/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro"]
    for service in ("solver", "worker-0", "worker-1"):
        config = config_of(service, "worker" if "worker" in service else "solver")
        assert set(users(config.solver_postgres_url, config.worker_postgres_url)) == {"service"}
        assert users(config.app_metrics_postgres_url) == ["reader"]
        assert f"@{service}-db:" in config.app_metrics_postgres_url
    web = config_of("webserver", "webserver")
    assert users(web.solver_postgres_url, *web.app_worker_postgres_urls) == ["operator"] * 3
    for number in (0, 1):
        arguments = shlex.split(SERVICES[f"configure-{number}"]["command"])
        assert arguments == ["configure", "--wait", "120", *(x for role in roles for x in (f"--grant-{role}", role))]
        config = config_of(f"configure-{number}", "configure")
        assert users(config.solver_postgres_url, config.worker_postgres_url) == ["solver", "worker"]


def users(*urls: str) -> list[str]:
    return [re.findall(r"://(\w+):", url)[0] for url in urls if url]
