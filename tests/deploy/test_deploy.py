"""What deploy/ says is true of the server: its settings exist, times fit together, formats are what they are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairpost.rules import shipped_bundle
from fairpost.server import Config
from fairpost.server.registry import KeyFileError, Keys

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PAGES = [ROOT / "docs" / name for name in ("deployment.md", "capacity.md", "client.md")]
FILES = [path for path in sorted(DEPLOY.iterdir()) if path.is_file()]
DRAIN_SECONDS = Config.model_fields["drain_seconds"].default

# Variables that are no settings of the server.
NOT_OF_SERVE = {
    *("FAIRPOST_CACHE", "FAIRPOST_REGISTRY_KEYS", "FAIRPOST_LOADGEN", "FAIRPOST_CORPORA"),
    *("FAIRPOST_API_KEY", "FAIRPOST_API_KEY_FILE", "FAIRPOST_TLS_CA"),
}
SETTINGS = set(Config.model_fields)


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    for name in re.findall(r"\bFAIRPOST_[A-Z_]+\b", path.read_text(encoding="utf-8")):
        assert name in NOT_OF_SERVE or name.removeprefix("FAIRPOST_").lower() in SETTINGS, f"{path.name}: {name}"


def flags_of_serve(text: str) -> set[str]:
    """Flags that follow `serve`, in a command line or in a list of YAML or JSON."""
    found = set()
    for line in text.splitlines():
        if match := re.search(r"\bserve\b([\s\"',\[\]].*)", line):
            found |= set(re.findall(r"--[a-z][a-z-]+", match[1]))
    return found


@pytest.mark.parametrize("path", [*FILES, *PAGES], ids=lambda path: path.name)
def test_every_flag_of_serve_is_one(path: Path) -> None:
    for flag in flags_of_serve(path.read_text(encoding="utf-8")):
        assert flag[2:].replace("-", "_") in SETTINGS, f"{path.name}: {flag}"


def test_flags_are_found() -> None:
    assert flags_of_serve('args: [serve, --workers, "2"]\n["serve", "--host", "x"]\nfairpost serve --port 1 # -x') == {
        *("--workers", "--host", "--port"),
    }
    assert {"--host", "--insecure"} <= flags_of_serve((DEPLOY / "compose.yaml").read_text())


def test_settings_file() -> None:
    settings = tomllib.loads((DEPLOY / "fairpost.toml").read_text(encoding="utf-8"))
    assert set(settings) <= SETTINGS
    known = {name: value for name, value in settings.items() if name in Config.model_fields}
    Config(**{name: value for name, value in known.items() if name != "config"})


# ---- the image


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_dockerfile() -> None:
    found = instructions()
    known = {"ARG", "FROM", "RUN", "WORKDIR", "COPY", "LABEL", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL"}
    assert {name for name, _ in found} <= known | {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    stages = [value for name, value in found if name == "FROM"]
    assert len(stages) == 2
    assert stages[0].endswith(" AS build")
    last = found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :]
    names = [name for name, _ in last]
    # Nothing is done as root after the user is set; the compiler stays behind; nothing is copied from the tree.
    assert "RUN" not in names[names.index("USER") :]
    assert "COPY" not in names
    assert not any("gcc" in value for _, value in last)
    users = [value for name, value in last if name == "USER"]
    assert users == ["10001:10001"]
    for name, value in last:
        if name in ("ENTRYPOINT", "CMD"):
            assert value.startswith("["), "a shell in between would not hand signals on"
    for name, value in found:
        if name == "RUN":
            script = re.sub(r"--mount=\S+", "", value)
            done = subprocess.run(["bash", "-n", "-c", script], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_the_health_check_of_the_image_is_a_program() -> None:
    (check,) = [value for name, value in instructions() if name == "HEALTHCHECK"]
    command = check.partition("CMD ")[2]
    program = yaml.safe_load(command)
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")
    assert "/healthz" in program[2]


def test_the_image_brings_compiled_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAIRPOST_CACHE may be a folder that cannot be written, if what is needed lies in it."""
    made = shipped_bundle()
    folder = tmp_path / "cache"
    folder.mkdir()
    shutil.copy(made, folder / made.name)
    monkeypatch.setenv("FAIRPOST_CACHE", str(folder))
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    assert shipped_bundle() == folder / made.name


# ---- systemd


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "fairpost.service").read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_unit() -> None:
    found = unit()
    assert int(found["TimeoutStopSec"][0]) > DRAIN_SECONDS + 5
    assert found["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert found["KillSignal"] == ["SIGTERM"]
    assert found["NoNewPrivileges"] == ["yes"]
    assert found["RestartPreventExitStatus"] == ["2"]  # docs/serving.md: it could not start
    program, *arguments = shlex.split(found["ExecStart"][0])
    assert (program, arguments[0]) == ("/opt/fairpost/bin/fairpost", "serve")


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    # Verified with a program that exists.
    text = (DEPLOY / "fairpost.service").read_text(encoding="utf-8").replace("/opt/fairpost/bin/fairpost", "/bin/true")
    (tmp_path / "fairpost.service").write_text(text, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "fairpost.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "fairpost.service" in line]
    assert not ours, done.stderr


def test_keys_as_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd's copy of a key file shows a mask where the group's rights stand."""
    path = tmp_path / "identity.key"
    Keys.make().save(path)
    path.chmod(0o440)
    with pytest.raises(KeyFileError, match="others may read these keys"):
        Keys.open(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    Keys.open(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "another"))
    with pytest.raises(KeyFileError):
        Keys.open(path)


# ---- Kubernetes, compose, Envoy


def of_kind(kind: str) -> Any:
    (found,) = [document for document in documents("kubernetes.yaml") if document["kind"] == kind]
    return found


def test_kubernetes() -> None:
    for document in documents("kubernetes.yaml"):
        assert document["apiVersion"] in ("v1", "apps/v1", "policy/v1")
        assert document["metadata"]["name"] == "fairpost"
    deployment, service, budget = of_kind("Deployment"), of_kind("Service"), of_kind("PodDisruptionBudget")
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert service["spec"]["clusterIP"] == "None"  # string: YAML's null would mean another thing
    assert budget["spec"]["maxUnavailable"] < deployment["spec"]["replicas"]
    (container,) = pod["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": Config.model_fields["port"].default, "http": int(environment["FAIRPOST_HTTP_PORT"])}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(ports)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == ("/healthz" if probe == "livenessProbe" else "/readyz")
        assert container[probe]["httpGet"]["port"] in ports
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = float(environment["FAIRPOST_DRAIN_SECONDS"])
    assert pod["spec"]["terminationGracePeriodSeconds"] > pause + drain + 5
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001  # the image's
    assert {mount["name"] for mount in container["volumeMounts"]} == {v["name"] for v in pod["spec"]["volumes"]}


def test_compose() -> None:
    (content,) = documents("compose.yaml")
    server = content["services"]["fairpost"]
    assert server["build"]["dockerfile"] == "deploy/Dockerfile"
    assert (DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]).exists()
    assert all(port.startswith("127.0.0.1:") for port in server["ports"]), "without TLS: on this machine alone"
    assert int(server["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS + 5
    assert server["read_only"] is True
    password = content["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert f":{password}@postgres/" in server["environment"]["FAIRPOST_REGISTRY"]
    named = {mount.partition(":")[0] for service in content["services"].values() for mount in service["volumes"]}
    assert named == set(content["volumes"])


def test_envoy() -> None:
    (content,) = documents("envoy.yaml")
    (listener,), (cluster,) = content["static_resources"]["listeners"], content["static_resources"]["clusters"]
    assert cluster["lb_policy"] == "LEAST_REQUEST"
    connections = listener["filter_chains"][0]["filters"][0]["typed_config"]
    route = connections["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert route["cluster"] == cluster["name"] == cluster["load_assignment"]["cluster_name"]
    # Deadlines are the caller's; only what reached no server is sent again.
    assert route["timeout"] == "0s"
    assert set(route["retry_policy"]["retry_on"].split(",")) == {"connect-failure", "refused-stream"}
    assert cluster["health_checks"][0]["no_traffic_interval"] == cluster["health_checks"][0]["interval"]
    assert cluster["health_checks"][0]["grpc_health_check"]["service_name"] == "fairpost.v1.FilterService"
    assert connections["http_filters"][-1]["name"] == "envoy.filters.http.router"
    types = re.findall(r"type\.googleapis\.com/([\w.]+)", (DEPLOY / "envoy.yaml").read_text())
    assert all(re.fullmatch(r"envoy(\.[a-z0-9_]+)+\.v3\.[A-Z]\w+", name) for name in types)
