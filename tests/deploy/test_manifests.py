"""The manifests of deploy/: valid, narrow, and of settings, commands and roles that exist."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from admin.cli import main
from bridge.wire.sharding import Realm
from settings.checks import Role
from settings.config import FIELDS, SECRETS, Config, doubts, load
from tests.covering import covers
from tests.deploy import rendering
from tests.deploy.rendering import FOLDER, OVERLAYS, Resource

KUBERNETES = ("1.31", "1.37")
"""The oldest and the newest release that the manifests are for."""

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "schemas").glob("*.json"))}
RESOURCES = [(overlay, resource) for overlay in OVERLAYS for resource in rendering.kept(overlay)]

ROLES = {
    "trade-solver": ["solver"],
    "trade-web-server": ["webserver"],
    "trade-swagger-ui": None,
    "turn-roller": ["worker"],
    "messages-consumer": ["consume_messages"],
    "internal-messages-consumer": ["consume_internal_messages"],
    "messages-flusher": ["flush_all"],
    "http-fetcher": ["fetch_debtor_infos"],
    "transfers-triggerer": ["trigger_transfers"],
    "messages-drainer": ["consume_messages", "--draining-mode"],
    "internal-messages-drainer": ["consume_internal_messages", "--draining-mode"],
}
"""The workloads, and what they run."""

FOR_OPERATORS = {"BASE_DEBTOR_INFO_LOCATOR": "https://example.com/666", "BASE_DEBTOR_ID": "666"}
"""What is left empty, with values that would do."""

SECRET_VALUES = {
    "PROTOCOL_BROKER_URL": "amqp://shards:secret@broker.swpt-trade.svc:5672",
    "OAUTH2_INTROSPECT_URL": "http://tokens.example.svc/introspect",
}


def label(resource: Resource) -> str:
    """A name for people."""
    where = resource["metadata"].get("namespace", "")
    return f"{resource['kind']} {where}/{resource['metadata']['name']}"


def all_of(kind: str, overlay: str | None = None) -> list[Resource]:
    """The resources of a kind."""
    return [found for name, found in RESOURCES if found["kind"] == kind and overlay in (None, name)]


def pod(workload: Resource) -> Any:
    """The pod of a Deployment."""
    return workload["spec"]["template"]["spec"]


def containers(overlay: str | None = None) -> Iterator[tuple[Resource, Any]]:
    """All containers of the workloads, those for the start among them."""
    for workload in all_of("Deployment", overlay):
        for container in [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]:
            yield workload, container


@cache
def config_maps(overlay: str) -> dict[tuple[str, str], dict[str, str]]:
    """The settings in an overlay, by namespace and name."""
    return {(m["metadata"]["namespace"], m["metadata"]["name"]): m["data"] for m in all_of("ConfigMap", overlay)}


def mounted_secret(workload: Resource, container: Any, path: str) -> tuple[str, str]:
    """The name of the secret, and the key in it, that a path in a container leads to."""
    (mount,) = [m for m in container["volumeMounts"] if path.startswith(m["mountPath"] + "/")]
    assert mount["readOnly"] is True
    (volume,) = [v for v in pod(workload)["volumes"] if v["name"] == mount["name"]]
    return volume["secret"]["secretName"], path.removeprefix(mount["mountPath"] + "/")


def environment(overlay: str, workload: Resource, container: Any) -> dict[str, str]:
    """The variables of a container."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= config_maps(overlay)[workload["metadata"]["namespace"], source["configMapRef"]["name"]]
    return found | {item["name"]: item["value"] for item in container.get("env", [])}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what operators put into secrets."""
    folder = tmp_path_factory.mktemp("secrets")
    for name in SECRETS:
        (folder / name).write_text(SECRET_VALUES.get(name, "postgresql://trade_service:secret@host:5432/db"))
    return folder


def loaded(overlay: str, workload: Resource, container: Any, folder: Path) -> Config:
    """The configuration that a container starts with, once the operator has made secrets. Raises ConfigError."""
    environ = environment(overlay, workload, container)
    for name in [name for name in environ if name.endswith("_FILE") and name.removesuffix("_FILE") in SECRETS]:
        _, key = mounted_secret(workload, container, environ[name])
        assert key == name.removesuffix("_FILE")
        environ[name] = str(folder / key)
    environ |= {name: value for name, value in FOR_OPERATORS.items() if environ.get(name) == ""}
    command = container["args"][0]
    roles: dict[str, Role] = {"configure": "configure", "solver": "solver", "webserver": "webserver"}
    role = roles.get(command, "worker")
    used = None
    if container["args"][:2] == ["configure", "solver"]:
        used = ("SOLVER_POSTGRES_URL",)
    elif command == "await_migrations":
        used = ("SOLVER_POSTGRES_URL", "WORKER_POSTGRES_URL")
    elif command == "serve_metrics":
        used = ("APP_METRICS_PORT",)
    return _loaded(role, tuple(sorted(environ.items())), used)


@cache
def _loaded(role: Role, environ: tuple[tuple[str, str], ...], used: tuple[str, ...] | None) -> Config:
    config = load(role, dict(environ), used)
    if used is None:
        assert config.warnings() == []
    return config


def of(command: str, overlay: str = "production") -> list[tuple[Resource, Any]]:
    """The containers that run a command, and their workloads."""
    return [(w, c) for w, c in containers(overlay) if c.get("args", [""])[0] == command]


def test_what_is_kept_is_up_to_date() -> None:
    for overlay in OVERLAYS:
        first = rendering.file_of(overlay).open().readline()
        assert first == rendering.header(), "run `make manifests`"


@pytest.mark.skipif(rendering.kubectl() is None, reason="kubectl is not installed")
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_makes_what_is_kept(overlay: str) -> None:
    assert list(yaml.safe_load_all(rendering.render(overlay))) == rendering.kept(overlay)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_everything(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported here, as all that it imports takes seconds.
    import kubernetes_validate

    # It reads a megabyte each time.
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
    for resource in {json.dumps({**r, "metadata": {"name": "any"}}): r for _, r in RESOURCES}.values():
        if f"{resource['apiVersion'].split('/')[0]}.{resource['kind']}" not in SCHEMAS:
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_operators_take_everything(name: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(SCHEMAS[name])
    validator = Draft202012Validator(SCHEMAS[name], format_checker=Draft202012Validator.FORMAT_CHECKER)
    ours = [r for _, r in RESOURCES if f"{r['apiVersion'].split('/')[0]}.{r['kind']}" == name]
    assert ours, "no schema without a use"
    for resource in ours:
        validator.validate(resource)
        # A misspelt field would be noticed.
        wrong = {**resource, "spec": {**resource["spec"], "replica": 1}}
        assert not validator.is_valid(wrong)


def test_everything_has_its_place() -> None:
    for overlay in OVERLAYS:
        names = [(r["apiVersion"], label(r)) for o, r in RESOURCES if o == overlay]
        assert len(names) == len(set(names))
        namespaces = {r["metadata"]["name"] for r in all_of("Namespace", overlay)}
        for _, resource in [item for item in RESOURCES if item[0] == overlay and item[1]["kind"] != "Namespace"]:
            assert resource["metadata"]["namespace"] in namespaces


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_shard_has_every_role(overlay: str) -> None:
    parts = {r["metadata"]["name"]: r["metadata"]["labels"]["swpt-trade/part"] for r in all_of("Namespace", overlay)}
    center = {"trade-solver", "trade-web-server", "trade-swagger-ui"}
    for namespace, part in parts.items():
        found = {
            w["metadata"]["name"] for w in all_of("Deployment", overlay) if w["metadata"]["namespace"] == namespace
        }
        assert found == (center if part == "center" else ROLES.keys() - center)
    assert list(parts.values()).count("center") == 1


def test_every_role_runs_its_command() -> None:
    for workload in all_of("Deployment"):
        (app,) = [c for c in pod(workload)["containers"] if c["name"] == "app"]
        assert app.get("args") == ROLES[workload["metadata"]["name"]]
        assert (
            workload["spec"]["selector"]["matchLabels"].items()
            <= workload["spec"]["template"]["metadata"]["labels"].items()
        )


def test_commands_exist_and_take_their_options() -> None:
    for _, container in containers():
        assert "command" not in container
        if "args" in container:
            result = CliRunner().invoke(main, [*container["args"], "--help"])
            assert result.exit_code == 0, result.output
            for option in container["args"]:
                assert not option.startswith("-") or option in result.output


def test_every_variable_is_a_setting() -> None:
    known = FIELDS.keys() | {f"{name}_FILE" for name in SECRETS}
    for overlay in OVERLAYS:
        for workload, container in containers(overlay):
            if workload["metadata"]["name"] != "trade-swagger-ui":
                assert environment(overlay, workload, container).keys() <= known
        for settings in config_maps(overlay).values():
            # Secrets are in files.
            assert not settings.keys() & set(SECRETS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_starts_with_its_settings(overlay: str, secrets: Path) -> None:
    for workload, container in containers(overlay):
        if "args" in container:
            loaded(overlay, workload, container, secrets)


def test_no_setting_is_doubtful() -> None:
    roles: tuple[tuple[Role, str], ...] = (("worker", "worker"), ("solver", "solver"), ("webserver", "webserver"))
    for role, command in roles:
        workload, container = of(command)[0]
        assert doubts(role, environment("production", workload, container)) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_shards_share_all_keys_among_them(overlay: str, secrets: Path) -> None:
    configs = [loaded(overlay, w, c, secrets) for w, c in of("worker", overlay)]
    realms = [config.realm for config in configs]
    assert sum(2.0 ** -realm.binding_key.count(".") for realm in realms) == 1
    for i, one in enumerate(realms):
        for other in realms[i + 1 :]:
            assert one.realm & other.mask != other.realm & one.mask
    queues = [config.protocol_broker_queue for config in configs]
    assert len(set(queues)) == len(queues)
    read = [
        r["spec"]["permissions"]["read"] for r in all_of("Permission", overlay) if r["metadata"]["name"] == "shards"
    ]
    pattern = next(r["spec"]["pattern"] for r in all_of("Policy", overlay) if r["spec"]["applyTo"] == "quorum_queues")
    for queue in queues:
        assert re.fullmatch(read[0], queue)
        assert re.search(pattern, queue)
        assert not re.search(pattern, f"{queue}.XQ")


def test_another_shard_is_ten_lines() -> None:
    folders = sorted((FOLDER / "overlays" / "production" / "shards").iterdir())
    assert len(folders) == 2
    texts = [(folder / "kustomization.yaml").read_text() for folder in folders]
    for folder, text in zip(folders, texts, strict=True):
        assert [path.name for path in folder.iterdir()] == ["kustomization.yaml"]
        assert len(text.splitlines()) == 10
    assert texts[0].replace("-0", "-1").replace("_0", "_1").replace("0.#", "1.#") == texts[1]
    assert Realm.parse("1.#").mask


def test_there_is_one_solver_and_one_roller_of_each_shard() -> None:
    """Never two at once: the old one ends before the new one starts. Nothing changes their number."""
    singles = {"trade-solver", "turn-roller"}
    for workload in all_of("Deployment"):
        if workload["metadata"]["name"] in singles:
            assert workload["spec"]["replicas"] == 1
            assert workload["spec"]["strategy"] == {"type": "Recreate"}
        else:
            assert "strategy" not in workload["spec"]
    scaled = {r["spec"]["scaleTargetRef"]["name"] for r in all_of("HorizontalPodAutoscaler")}
    assert not scaled & singles


@covers("V14.52")
def test_rollers_leave_the_work_of_other_pods_to_them(secrets: Path) -> None:
    for overlay in OVERLAYS:
        for workload, container in of("worker", overlay):
            config = loaded(overlay, workload, container, secrets)
            assert not config.protocol_broker_processes
            assert not config.internal_broker_processes
            assert not config.flush_processes
            assert not config.http_fetch_processes
            assert not config.trigger_transfers_processes


def test_what_waits_for_a_split_does_not_run() -> None:
    for workload in all_of("Deployment"):
        name = workload["metadata"]["name"]
        asleep = name.endswith("drainer") or name == "internal-messages-consumer"
        assert (workload["spec"].get("replicas", 2) == 0) == asleep


def test_init_containers_set_up_and_wait() -> None:
    for workload in all_of("Deployment"):
        commands = [" ".join(c["args"][:2]) for c in pod(workload).get("initContainers", [])]
        name = workload["metadata"]["name"]
        if name in ("trade-solver", "trade-web-server"):
            assert commands == ["configure solver"]
        elif name == "turn-roller":
            assert commands == ["configure worker", "await_migrations"]
        else:
            assert commands == ([] if name == "trade-swagger-ui" else ["await_migrations"])
        for container in pod(workload).get("initContainers", []):
            assert container["resources"]["limits"] == {"memory": "100Mi"}
    for _, container in of("configure"):
        granted = dict(zip(container["args"][4::2], container["args"][5::2], strict=True))
        assert granted == {
            "--grant-service": "trade_service",
            "--grant-operator": "trade_web",
            "--grant-reader": "trade_metrics",
        }
        for cluster in all_of("Cluster"):
            assert [role["name"] for role in cluster["spec"]["managed"]["roles"]] == list(granted.values())


def test_queues_are_quorum_queues(secrets: Path) -> None:
    for workload, container in [item for item in of("configure") if item[1]["args"][1] == "worker"]:
        config = loaded("production", workload, container, secrets)
        assert config.app_quorum_queue
        assert config.setup_rabbitmq_bindings == "yes"
    (broker,) = all_of("RabbitmqCluster", "production")
    assert broker["spec"]["replicas"] == 3
    assert "default_queue_type = quorum" in broker["spec"]["rabbitmq"]["additionalConfig"]


def test_the_solvers_database_has_a_synchronous_standby_and_all_have_backups() -> None:
    clusters = all_of("Cluster", "production")
    assert {c["metadata"]["name"] for c in clusters} == {"solver-db", "worker-db"}
    for cluster in clusters:
        assert cluster["spec"]["instances"] == 3
        assert cluster["spec"]["postgresql"]["synchronous"] == {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
        }
        (plugin,) = cluster["spec"]["plugins"]
        assert plugin["isWALArchiver"]
        namespace = cluster["metadata"]["namespace"]
        (backup,) = [r for r in all_of("ScheduledBackup", "production") if r["metadata"]["namespace"] == namespace]
        assert backup["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
        assert backup["spec"]["pluginConfiguration"]["name"] == plugin["name"]
    places = [store["spec"]["configuration"]["destinationPath"] for store in all_of("ObjectStore")]
    assert len(places) == len(set(places)) == len(clusters)


def test_nobody_has_rights() -> None:
    for workload, container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
        assert writable == ["/tmp"], label(workload)
        assert "memory" in container["resources"]["limits"]
    for workload in all_of("Deployment"):
        spec = pod(workload)
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["terminationGracePeriodSeconds"] >= 15
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
        (folder,) = [v for v in spec["volumes"] if v["name"] == "tmp"]
        assert folder["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}


def test_only_set_up_sees_the_passwords_of_owners() -> None:
    for _, container in containers():
        mounted = {m["name"] for m in container["volumeMounts"]}
        assert ("owner" in mounted) == (container.get("args", [""])[0] == "configure")


def test_secrets_are_those_of_the_instructions() -> None:
    """README.md lists, by namespace, every secret and its keys."""
    listed: set[tuple[str, str, str]] = set()
    for part, name, keys in re.findall(
        r"^\| (center|shard) \| `([\w-]+)` \| (.*?) \|", (FOLDER / "README.md").read_text(), re.M
    ):
        listed |= {(part, name, key) for key in re.findall(r"`(\w+)`", keys)}
    used: set[tuple[str, str, str]] = set()
    for overlay in OVERLAYS:
        parts = {
            r["metadata"]["name"]: r["metadata"]["labels"]["swpt-trade/part"] for r in all_of("Namespace", overlay)
        }
        for workload, container in containers(overlay):
            for variable in container.get("env", []):
                if variable["name"].endswith("_FILE"):
                    secret = mounted_secret(workload, container, variable["value"])
                    used.add((parts[workload["metadata"]["namespace"]], *secret))
        for cluster in all_of("Cluster", overlay):
            for role in cluster["spec"]["managed"]["roles"]:
                part = parts[cluster["metadata"]["namespace"]]
                used |= {(part, role["passwordSecret"]["name"], key) for key in ("username", "password")}
        for user in all_of("User", overlay):
            name = user["spec"]["importCredentialsSecret"]["name"]
            used |= {("center", name, key) for key in ("username", "password")}
        for store in all_of("ObjectStore", overlay):
            credentials = store["spec"]["configuration"]["s3Credentials"].values()
            used |= {(parts[store["metadata"]["namespace"]], c["name"], c["key"]) for c in credentials}
    assert listed == used


def test_only_the_fetcher_reaches_outside() -> None:
    for overlay in OVERLAYS:
        for workload in all_of("Deployment", overlay):
            labels = workload["spec"]["template"]["metadata"]["labels"]
            namespace = workload["metadata"]["namespace"]
            policies = [
                r["spec"]
                for r in all_of("NetworkPolicy", overlay)
                if r["metadata"]["namespace"] == namespace and selects(r["spec"]["podSelector"], labels)
            ]
            assert any(
                p["policyTypes"] == ["Ingress", "Egress"] and not p.keys() & {"ingress", "egress"} for p in policies
            )
            targets = [to for p in policies for rule in p.get("egress", []) for to in rule["to"]]
            outside = [to["ipBlock"] for to in targets if "ipBlock" in to]
            assert bool(outside) == (workload["metadata"]["name"] == "http-fetcher")
            for block in outside:
                inside = [ipaddress.ip_network(text) for text in block["except"]]
                for address in (
                    "10.1.2.3",
                    "172.20.0.1",
                    "192.168.1.1",
                    "169.254.169.254",
                    "127.0.0.1",
                    "fd00::1",
                    "::1",
                ):
                    ip = ipaddress.ip_address(address)
                    if ip in ipaddress.ip_network(block["cidr"]):
                        assert any(ip in network for network in inside), address
            # Without a selector of pods or namespaces a rule would let everybody in, or out to everywhere.
            assert all(rule.get("to") for p in policies for rule in p.get("egress", []))
            assert all(rule.get("from") for p in policies for rule in p.get("ingress", []))


def selects(selector: Any, labels: dict[str, str]) -> bool:
    """Whether a selector means a pod with these labels."""
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))


def test_every_pod_is_looked_at() -> None:
    for workload in all_of("Deployment"):
        (app,) = [c for c in pod(workload)["containers"] if c["name"] == "app"]
        assert {"readinessProbe", "livenessProbe"} <= app.keys()
        ports = {p["name"]: p["containerPort"] for c in pod(workload)["containers"] for p in c.get("ports", [])}
        for probe in (app["readinessProbe"]["httpGet"], app["livenessProbe"]["httpGet"]):
            assert probe["port"] in ports or probe["port"] in ports.values()
            if workload["metadata"]["name"] not in ("trade-web-server", "trade-swagger-ui"):
                assert ports == {"metrics": 9100}
                assert probe["path"] == "/health"
        # An outage must not restart everything.
        patience = app["livenessProbe"]["periodSeconds"] * app["livenessProbe"]["failureThreshold"]
        assert patience >= (150 if "http" in ports else 1800)


def test_metrics_are_served_where_they_are_looked_for(secrets: Path) -> None:
    for overlay in OVERLAYS:
        for command in ("worker", "solver", "serve_metrics"):
            for workload, container in of(command, overlay):
                assert loaded(overlay, workload, container, secrets).app_metrics_port == 9100
    for workload in all_of("Deployment"):
        beside = [c for c in pod(workload)["containers"] if c["name"] == "metrics"]
        alone = workload["metadata"]["name"] in ("trade-solver", "trade-web-server", "trade-swagger-ui", "turn-roller")
        assert bool(beside) != alone
        # Their numbers of processes mean something to each other.
        assert pod(workload).get("shareProcessNamespace", False) != alone
    monitors = all_of("PodMonitor", "production")
    assert {m["metadata"]["namespace"] for m in monitors} == {
        r["metadata"]["name"] for r in all_of("Namespace", "production")
    }
    for monitor in monitors:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert {r["targetLabel"] for r in endpoint["relabelings"]} == {"job", "server"}


def test_consumers_and_flushers_grow_with_the_age_of_messages() -> None:
    (rule,) = yaml.safe_load((FOLDER / "monitoring" / "adapter.yaml").read_text())["externalRules"]
    scalers = all_of("HorizontalPodAutoscaler", "production")
    shards = {r["metadata"]["name"] for r in all_of("Namespace", "production")} - {"swpt-trade"}
    kinds = {"messages-consumer": "inbox", "messages-flusher": "outbox"}
    assert {(s["metadata"]["namespace"], s["metadata"]["name"]) for s in scalers} == {
        (n, k) for n in shards for k in kinds
    }
    for scaler in scalers:
        (metric,) = scaler["spec"]["metrics"]
        assert metric["external"]["metric"] == {
            "name": rule["name"]["as"],
            "selector": {"matchLabels": {"kind": kinds[scaler["metadata"]["name"]]}},
        }
        assert scaler["spec"]["scaleTargetRef"]["name"] == scaler["metadata"]["name"]
    # Whose number the autoscaler decides, nobody else does.
    for workload in all_of("Deployment", "production"):
        assert ("replicas" in workload["spec"]) == (workload["metadata"]["name"] not in kinds)
    assert rule["seriesQuery"].startswith("swpt_trade_queue_oldest_seconds{")
    figures = (FOLDER.parent / "service" / "watching" / "figures.py").read_text()
    assert '"swpt_trade_queue_oldest_seconds"' in figures


def test_disruptions_leave_enough_and_never_block() -> None:
    budgets = {r["metadata"]["name"] for r in all_of("PodDisruptionBudget", "production")}
    assert budgets == {"broker", "trade-web-server", "trade-swagger-ui", "messages-consumer", "messages-flusher"}
    for budget in all_of("PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1
        name = budget["metadata"]["name"]
        for workload in all_of("Deployment", "production"):
            if workload["metadata"]["name"] == name:
                assert workload["spec"].get("replicas", 2) >= 2
                assert selects(budget["spec"]["selector"], workload["spec"]["template"]["metadata"]["labels"])


def test_images_are_named_once_and_pinned() -> None:
    for overlay in OVERLAYS:
        images = {c["image"] for _, c in containers(overlay)}
        assert {image.rsplit("/", 1)[1].split(":")[0] for image in images} == {"swpt-trade", "swpt-trade-swagger-ui"}
        assert all(re.search(r":[\w.]*\d[\w.]*$", image) for image in images)
        for other in [
            r["spec"].get("image") or r["spec"]["imageName"]
            for k in ("RabbitmqCluster", "Cluster")
            for r in all_of(k, overlay)
        ]:
            assert re.search(r":\d+\.\d+[\w.-]*$", other)
    for path in (FOLDER / "base").rglob("*.yaml"):
        for image in re.findall(r"^ +image: (\S+)", path.read_text(), re.M):
            assert image in ("swpt-trade", "swpt-trade-swagger-ui") or "rabbitmq" in image
