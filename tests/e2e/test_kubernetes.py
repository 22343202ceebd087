"""docker/kubernetes against what the image and the server really offer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dockerfile
import pytest
from live_gateway import copied, serving
from ruamel.yaml import YAML

from gateway.http import server
from gateway.settings import Settings

FILE = dockerfile.ROOT / "docker" / "kubernetes" / "scoregate.yaml"
TEXT = FILE.read_text(encoding="utf-8")
OBJECTS: dict[str, Any] = {}
for _one in YAML(typ="safe").load_all(TEXT):
    OBJECTS[f"{_one['kind']}/{_one['metadata']['name']}"] = _one
SET = OBJECTS["StatefulSet/scoregate"]["spec"]
POD = SET["template"]
CONTAINER = POD["spec"]["containers"][0]
DECLARED = {i.keyword: i.text for i in dockerfile.parse(dockerfile.DOCKERFILE.read_text(encoding="utf-8"))}
IMAGE = dict(re.findall(r"(SCOREGATE_\w+)=(\S+)", DECLARED["ENV"]))


def test_everything_needed_is_there_once() -> None:
    kinds = sorted(name.split("/")[0] for name in OBJECTS)
    assert kinds == ["NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget", "Service", "StatefulSet"]


def test_every_setting_exists_also_those_in_comments() -> None:
    names = set(re.findall(r"name: (SCOREGATE_\w+)", TEXT))
    assert {name.removeprefix("SCOREGATE_").lower() for name in names} <= Settings.model_fields.keys()


@pytest.mark.parametrize(
    "name", ["SCOREGATE_LEDGER", "SCOREGATE_LEDGER_PASSWORD", "SCOREGATE_MASTER_KEY", "SCOREGATE_PUBLIC_URL"]
)
def test_the_values_shown_are_taken(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown = re.search(rf'{name}, value: "([^"]+)"', TEXT)
    assert shown
    monkeypatch.setenv(name, shown[1])
    assert getattr(Settings(home=tmp_path), name.removeprefix("SCOREGATE_").lower()) == shown[1]


def test_user_ports_and_folders_are_those_of_the_image() -> None:
    user, _, group = DECLARED["USER"].partition(":")
    security = POD["spec"]["securityContext"]
    assert [str(security[k]) for k in ("runAsUser", "runAsGroup", "fsGroup")] == [user, group, group]
    assert [port["containerPort"] for port in CONTAINER["ports"]] == [int(DECLARED["EXPOSE"])]
    assert OBJECTS["Service/scoregate"]["spec"]["ports"][0]["targetPort"] == CONTAINER["ports"][0]["name"]
    given = {entry["name"]: entry["value"] for entry in CONTAINER["env"]}
    assert all(IMAGE.get(name, value) == value for name, value in given.items())
    mounted = {mount["mountPath"]: mount.get("readOnly", False) for mount in CONTAINER["volumeMounts"]}
    assert mounted[IMAGE["SCOREGATE_HOME"]] is True
    assert mounted[IMAGE["SCOREGATE_STATE"]] is False
    claimed = {claim["metadata"]["name"] for claim in SET["volumeClaimTemplates"]}
    assert {m["name"] for m in CONTAINER["volumeMounts"]} == {v["name"] for v in POD["spec"]["volumes"]} | claimed
    assert CONTAINER["args"] == ["serve"]


def test_nothing_in_the_pod_may_more_than_it_must() -> None:
    security = CONTAINER["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_the_embedded_ledger_has_one_writer_and_time_to_drain() -> None:
    assert not any(entry["name"] == "SCOREGATE_LEDGER" for entry in CONTAINER["env"])
    assert SET["replicas"] == 1
    assert POD["spec"]["terminationGracePeriodSeconds"] > server.DRAIN_SECONDS


def test_no_two_pods_write_one_file() -> None:
    """Each has a state of its own: the anchor is appended to and counts are locked, which need one kernel."""
    (state,) = SET["volumeClaimTemplates"]
    (mounted,) = [mount for mount in CONTAINER["volumeMounts"] if mount["name"] == state["metadata"]["name"]]
    assert mounted["mountPath"] == IMAGE["SCOREGATE_STATE"]
    assert state["spec"]["accessModes"] == ["ReadWriteOnce"]
    shared = {mount["name"] for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly")} - {"state", "tmp"}
    assert not shared


def test_a_poller_is_a_container_like_the_gateway_but_for_its_words() -> None:
    text = re.sub(r"# (- \{name: poll-.*\n) +# (.*)", r"\1          \2", TEXT)
    pod = next(YAML(typ="safe").load_all(text))["spec"]["template"]["spec"]
    gateway, poller = pod["containers"]
    assert poller["args"] == ["poll", "cobalt-core"]
    same = ("image", "env", "securityContext", "resources", "volumeMounts")
    assert {key: poller[key] for key in same} == {key: gateway[key] for key in same}
    assert poller.keys() == {"name", "args", *same}


def test_selectors_find_the_pod() -> None:
    labels = POD["metadata"]["labels"]
    assert SET["selector"]["matchLabels"] == labels
    assert f"Service/{SET['serviceName']}" in OBJECTS
    assert OBJECTS["Service/scoregate"]["spec"]["selector"] == labels
    assert OBJECTS["NetworkPolicy/scoregate"]["spec"]["podSelector"]["matchLabels"] == labels
    assert OBJECTS["PodDisruptionBudget/scoregate"]["spec"]["selector"]["matchLabels"] == labels


def test_probes_ask_what_the_server_answers(built_home: Path, tmp_path: Path) -> None:
    paths = {CONTAINER[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    with serving(copied(built_home, tmp_path / "home")) as live:
        assert {path: live.client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
