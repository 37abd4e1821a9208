"""The deployment files are what the command takes, and hold the rights down."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator

from providers import load
from scanner import __version__
from scanner.cli import _parser, main
from scanner.cli.shards import chosen_shard
from scanner.engine import Shard

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


def shards() -> dict[str, dict[str, Any]]:
    text = (REPOSITORY / "deploy" / "kubernetes" / "indexed-job.yaml").read_text("utf-8")
    return {document["metadata"]["name"]: document for document in yaml.safe_load_all(text)}


def cloud_run(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy" / "cloud-run" / name).read_text("utf-8"))
    return found["spec"]["template"]["spec"]  # type: ignore[no-any-return]


def batch(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REPOSITORY / "deploy" / "aws-batch" / name).read_text("utf-8"))
    return found


def shard_commands() -> dict[str, list[str]]:
    job = shards()["k8s-audit-coverage-shards"]["spec"]["jobTemplate"]["spec"]
    return {
        "kubernetes": job["template"]["spec"]["containers"][0]["args"],
        "aws-batch": batch("job-definition.json")["containerProperties"]["command"],
        "cloud-run": cloud_run("job.yaml")["template"]["spec"]["containers"][0]["args"],
    }


def merge_commands() -> dict[str, list[str]]:
    job = shards()["k8s-audit-coverage-merge"]["spec"]["jobTemplate"]["spec"]
    return {
        "kubernetes": job["template"]["spec"]["containers"][0]["args"],
        "aws-batch": batch("merge-job.json")["containerOverrides"]["command"],
        "cloud-run": cloud_run("merge-job.yaml")["template"]["spec"]["containers"][0]["args"],
    }


@pytest.mark.parametrize("engine", ["kubernetes", "aws-batch", "cloud-run"])
def test_shards_and_their_merge_are_commands_that_meet_in_one_place(engine: str) -> None:
    scan = _parser().parse_args(shard_commands()[engine])
    merge = _parser().parse_args(merge_commands()[engine])
    assert (scan.resume, scan.fail_on) == (True, "never")
    assert merge.place == [scan.output]
    assert merge.output != scan.output
    assert merge.fail_on == "unknown"


def test_an_indexed_job_is_told_how_many_pods_it_has() -> None:
    job = shards()["k8s-audit-coverage-shards"]["spec"]["jobTemplate"]["spec"]
    assert job["completionMode"] == "Indexed"
    environment = {one["name"]: one["value"] for one in job["template"]["spec"]["containers"][0]["env"]}
    last = chosen_shard(None, environment | {"JOB_COMPLETION_INDEX": str(job["completions"] - 1)})
    assert last == Shard(job["completions"], job["completions"])


def test_the_other_engines_divide_too() -> None:
    assert batch("submit-job.json")["arrayProperties"]["size"] == 8
    assert cloud_run("job.yaml")["taskCount"] == 8


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("job-definition.json", "RegisterJobDefinition"),
        ("submit-job.json", "SubmitJob"),
        ("merge-job.json", "SubmitJob"),
    ],
)
def test_what_aws_batch_is_handed_is_what_its_api_takes(name: str, operation: str) -> None:
    service = botocore.session.get_session().get_service_model("batch")
    shape = service.operation_model(operation).input_shape
    assert shape is not None
    report = ParamValidator().validate(batch(name), shape)
    assert report.generate_report() == ""


def test_every_shard_runs_without_rights_and_names_the_version() -> None:
    for document in shards().values():
        if document["kind"] != "CronJob":
            continue
        pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"] == container()["securityContext"]
        assert pod["containers"][0]["image"].endswith(f":{__version__}")
    properties = batch("job-definition.json")["containerProperties"]
    assert (properties["readonlyRootFilesystem"], properties["user"]) == (True, "65532:65532")
    assert properties["image"].endswith(f":{__version__}")
    for name in ("job.yaml", "merge-job.yaml"):
        assert cloud_run(name)["template"]["spec"]["containers"][0]["image"].endswith(f":{__version__}")


def pods() -> dict[str, dict[str, Any]]:
    """Give every pod of the Kubernetes manifests by its job's name."""
    jobs = [documents()["CronJob"], *shards().values()]
    return {
        one["metadata"]["name"]: one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        for one in jobs
        if one["kind"] == "CronJob"
    }


def test_every_pod_has_room_for_temporary_files() -> None:
    """Root filesystems are read-only; archives and what goes to an object store need a directory for a while."""
    assert len(pods()) == 3
    for pod in pods().values():
        (one,) = pod["containers"]
        assert {"name": "tmp", "mountPath": "/tmp"} in one["volumeMounts"]  # noqa: S108 - of a pod
        assert [volume["emptyDir"] for volume in pod["volumes"] if volume["name"] == "tmp"]


def test_on_fargate_the_room_for_temporary_files_is_a_volume_of_the_image() -> None:
    """Elsewhere an empty volume is root's alone: only where the image's VOLUME has its path does it keep its mode."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text("utf-8").splitlines()
    definition = json.loads((REPOSITORY / "deploy" / "ecs" / "task-definition.json").read_text("utf-8"))
    properties = batch("job-definition.json")["containerProperties"]
    for volumes, mounts in (
        (definition["volumes"], task()["mountPoints"]),
        (properties["volumes"], properties["mountPoints"]),
    ):
        empty = {one["name"] for one in volumes if set(one) == {"name"}}
        paths = [one["containerPath"] for one in mounts if one["sourceVolume"] in empty and not one["readOnly"]]
        assert paths == ["/tmp"]  # noqa: S108 - of a container
        assert f"VOLUME {json.dumps(paths)}" in dockerfile


def test_what_ecs_is_handed_is_what_its_api_takes() -> None:
    shape = (
        botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    )
    assert shape is not None
    given = json.loads((REPOSITORY / "deploy" / "ecs" / "task-definition.json").read_text("utf-8"))
    assert ParamValidator().validate(given, shape).generate_report() == ""


def test_the_scans_own_role_may_assume_every_role_that_the_examples_name() -> None:
    text = (REPOSITORY / "docs" / "deploy.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (statement,) = json.loads(block)["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    members = json.loads(load("eks").permissions("organization"))["Statement"][-1]["Resource"]
    assert members in statement["Resource"]
    files = [REPOSITORY / name for name in ("README.md", "config.example.toml", "docs/eks.md")]
    named = {arn for file in files for arn in re.findall(r'role_arn = "(.+?)"', file.read_text("utf-8"))}
    named |= set(re.findall(r'role_arn = "(.+?)"', documents()["ConfigMap"]["data"]["config.toml"]))
    assert len(named) >= 3
    for arn in named:
        assert any(fnmatchcase(arn, allowed) for allowed in statement["Resource"]), arn
