"""The deployment files are what the command takes, and hold the rights down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers import load
from scanner import __version__
from scanner.cli import main

REPOSITORY = Path(__file__).resolve().parents[3]


def documents() -> dict[str, dict[str, Any]]:
    text = (REPOSITORY / "deploy" / "kubernetes" / "cronjob.yaml").read_text("utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def container() -> dict[str, Any]:
    pod = documents()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    found: dict[str, Any] = pod["containers"][0]
    return found


def task() -> dict[str, Any]:
    text = (REPOSITORY / "deploy" / "ecs" / "task-definition.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)["containerDefinitions"][0]
    return found


def test_the_configuration_of_the_cron_job_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(documents()["ConfigMap"]["data"]["config.toml"])
    assert main(["config", "check", str(path)]) == 0
    assert capsys.readouterr().out.endswith("ok, 1 account (1 eks)\n")


def test_the_cron_job_runs_without_rights_on_a_read_only_file_system() -> None:
    security = container()["securityContext"]
    assert security == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_cron_job_has_room_for_archives() -> None:
    """The root filesystem is read-only, and archives are unpacked into /tmp."""
    assert {"name": "tmp", "mountPath": "/tmp"} in container()["volumeMounts"]  # noqa: S108 - of a pod


def test_the_rights_in_a_live_cluster_are_what_the_provider_says_and_read_only() -> None:
    text = (REPOSITORY / "deploy" / "kubernetes" / "rbac.yaml").read_text("utf-8")
    assert text == load("self_managed").permissions("rbac")
    objects = list(yaml.safe_load_all(text))
    verbs = {verb for one in objects for rule in one.get("rules", ()) for verb in rule["verbs"]}
    resources = {name for one in objects for rule in one.get("rules", ()) for name in rule.get("resources", ())}
    assert verbs == {"get", "list"}
    assert resources == {"nodes", "pods", "configmaps", "apiservers", "infrastructures"}
    account = documents()["ServiceAccount"]["metadata"]
    subjects = [subject for one in objects for subject in one.get("subjects", ())]
    assert {(subject["name"], subject["namespace"]) for subject in subjects} == {
        (account["name"], account["namespace"])
    }


def test_the_task_runs_without_rights_on_a_read_only_file_system() -> None:
    assert task()["readonlyRootFilesystem"] is True
    assert task()["user"] == "65532:65532"
    assert task()["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}


def test_both_name_the_version_and_the_same_command() -> None:
    assert container()["image"].endswith(f":{__version__}")
    assert task()["image"].endswith(f":{__version__}")
    assert container()["args"] == task()["command"]


def test_the_schedule_is_json_and_names_the_task() -> None:
    schedule = json.loads((REPOSITORY / "deploy" / "ecs" / "schedule.json").read_text("utf-8"))
    assert schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].endswith("task-definition/k8s-audit-coverage")
