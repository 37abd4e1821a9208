"""Object stores: reports and partial reports go to S3 and come back, over the real wire to a store on this machine."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from scanner.cli.storage import Bucket, is_url
from scanner.errors import JournalError, ReportError, UsageError
from tests.unit.cli.test_commands import Run, run
from tests.unit.cli.test_shards_and_merge import but_for_the_run, config

__all__ = ["config", "run"]  # the fixtures

BUCKET = "audit-reports"
NO_BUCKET = "make it first, or check its name (and for S3 AWS_REGION and AWS_ENDPOINT_URL_S3)"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start S3 on loopback with one bucket, and let the environment name it as it does for every AWS tool."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
    client.create_bucket(Bucket=BUCKET)
    yield f"s3://{BUCKET}/nightly"
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):  # all servers of a process share a state
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])
    server.stop()


def test_shards_meet_in_an_object_store(run: Run, config: str, store: str, tmp_path: Path) -> None:
    run("scan", "--config", config, "--output", str(tmp_path / "whole"))
    for number in (1, 2):
        code, _, err = run("scan", "--config", config, "--output", store, "--shard", f"{number}/2")
        assert code == 1
        assert json.loads(err.splitlines()[-1])["reports"] == [f"{store}/partial-000{number}-of-0002.jsonl"]
    code, _, _ = run("report", "merge", store, "-o", str(tmp_path / "merged"))
    assert code == 1
    assert but_for_the_run(tmp_path / "merged") == but_for_the_run(tmp_path / "whole")
    code, _, err = run("report", "merge", f"{store}/", "-o", f"{store}/reports", "--format", "json")
    assert json.loads(err.splitlines()[-1])["reports"] == [f"{store}/reports/report.json"]
    assert sorted(Bucket(store).names()) == [
        ".k8s-audit-coverage",
        "partial-0001-of-0002.jsonl",
        "partial-0002-of-0002.jsonl",
    ]


def test_a_shard_that_was_stopped_goes_on_with_what_is_there_and_one_that_ended_starts_anew(
    run: Run, config: str, store: str, tmp_path: Path
) -> None:
    run("scan", "--config", config, "--output", store, "--shard", "1/2")
    name = "partial-0001-of-0002.jsonl"
    assert Bucket(store).get(name, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])  # without the record of its end
    Bucket(store).put(tmp_path / name)
    code, _, err = run("scan", "--config", config, "--output", store, "--shard", "1/2", "--resume")
    assert code == 1
    assert json.loads(err.splitlines()[0])["accounts_finished"] == 4
    assert '"account_started"' not in err
    code, _, err = run("scan", "--config", config, "--output", store, "--shard", "1/2", "--resume")
    assert code == 1
    assert json.loads(err.splitlines()[0])["event"] == "journal_replaced"
    assert err.count('"account_started"') == 4
    code, _, err = run("scan", "--config", config, "--output", store, "--shard", "2/2", "--resume")
    assert '"resumed"' not in err


def test_a_shard_that_is_killed_leaves_no_older_report_in_its_place(
    run: Run, config: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        run("scan", "--config", config, "--output", store, "--shard", f"{number}/2")

    def die(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt  # as near to a kill as this process gets: nothing is written after it

    with monkeypatch.context() as patch:
        patch.setattr("scanner.cli.scan.scan_accounts", die)
        assert run("scan", "--config", config, "--output", store, "--shard", "1/2")[0] == 130
    code, _, _ = run("report", "merge", store, "-o", str(tmp_path / "merged"), "--format", "json")
    assert code == 1
    merged = json.loads((tmp_path / "merged" / "report.json").read_text("utf-8"))
    assert merged["run"]["interrupted"] == "shard 1: it was killed, or still runs"
    assert [one["completeness"] for one in merged["accounts"]] == ["failed", "complete"] * 3 + ["failed"]


def test_a_partial_report_that_cannot_be_fetched_costs_its_own_accounts(
    run: Run, config: str, store: str, tmp_path: Path
) -> None:
    for number in (1, 2):
        run("scan", "--config", config, "--output", store, "--shard", f"{number}/2")
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    key = "nightly/partial-0002-of-0002.jsonl"
    client.copy_object(Bucket=BUCKET, CopySource=f"{BUCKET}/{key}", Key=key, StorageClass="GLACIER")
    code, _, _ = run("report", "merge", store, "-o", str(tmp_path / "merged"), "--format", "json")
    merged = json.loads((tmp_path / "merged" / "report.json").read_text("utf-8"))
    assert code == 1
    assert merged["run"]["interrupted"].startswith(f"shard 2 of 2: s3://{BUCKET}/{key}: cannot be read: ")
    assert [one["completeness"] for one in merged["accounts"]] == ["complete", "failed"] * 3 + ["complete"]
    client.put_object(Bucket=BUCKET, Key=key.replace("0002-", "0001-", 1), Body=b"", StorageClass="GLACIER")
    code, _, err = run("report", "merge", store, "-o", str(tmp_path / "none"))
    assert code == 2
    assert "no partial report can be read" in err


def test_a_whole_scan_leaves_no_journal_to_go_on_with(run: Run, config: str, store: str, tmp_path: Path) -> None:
    Bucket(store).put(Path(config), "journal.jsonl")
    assert run("scan", "--config", config, "--output", store)[0] == 1
    assert Bucket(store).get("journal.jsonl", tmp_path / "left")
    assert (tmp_path / "left").read_bytes() == b""
    code, _, err = run("scan", "--config", config, "--output", store, "--resume")
    assert '"resumed"' not in err
    code, _, err = run("report", "merge", store, "-o", str(tmp_path / "merged"))
    assert code == 2
    assert err.startswith(f"error: {store}: holds the report of a whole scan, and no partial one")
    code, _, err = run("report", "merge", f"{store}/elsewhere", "-o", str(tmp_path / "merged"))
    assert (code, "elsewhere: holds no partial report" in err) == (2, True)
    with pytest.raises(ReportError, match="cannot be written"):
        Bucket(store.replace(BUCKET, "no-such-bucket")).clear("journal.jsonl")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://user:secret@bucket/x", "s3://…@bucket/x: holds a user or a password"),
        ("s3://bucket/x?sig=secret", "s3://bucket/x?…: holds a query or a fragment"),
        ("s3://bucket/x#secret", "s3://bucket/x: holds a query or a fragment"),
        ("https://user:secret@host/x?secret", "https://…@host/x?…: https:// is no object store that can be used"),
    ],
)
def test_a_url_that_holds_a_secret_is_refused_and_not_printed(run: Run, config: str, url: str, said: str) -> None:
    code, _, err = run("scan", "--config", config, "--output", url)
    assert (code, err.splitlines()[0]) == (2, f"error: {said}")
    assert "secret" not in err


def test_a_password_of_the_service_is_not_printed(
    run: Run, config: str, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1:9")
    monkeypatch.setattr("scanner.cli.storage._RETRIES", 0)
    code, _, err = run("scan", "--config", config, "--output", store)
    assert code == 2
    assert "://…@" in err
    assert "secret" not in err


def test_another_s3_service_is_named_for_s3_alone(
    run: Run, config: str, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_ENDPOINT_URL leads every AWS client there, those that scan EKS as well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert run("scan", "--config", config, "--output", store)[0] == 1


@pytest.mark.parametrize("place", ["s3:/bucket/x", "s3:bucket/x", "S3:/bucket/x"])
def test_a_url_with_a_slash_too_few_is_no_directory(run: Run, config: str, place: str, tmp_path: Path) -> None:
    code, _, err = run("scan", "--config", config, "--output", place)
    assert code == 2
    assert err == (
        f"error: {place}: is no URL: two slashes belong after the colon\n"
        f"  write s3://bucket/x, or ./{place} for a directory of that name\n"
    )
    assert not is_url(f"./{place}")
    assert not is_url(str(tmp_path / place))


class Answers(BaseHTTPRequestHandler):
    """An object store that has one answer for everything."""

    status = 403
    body = ""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body.encode())))
        self.end_headers()
        self.wfile.write(self.body.encode())

    do_PUT = do_GET = answer  # noqa: N815 - as the server calls them

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (
            403,
            "<Error><Code>AccessDenied</Code><Message>User: x is not authorized\nto do it</Message></Error>",
            "User: x is not authorized (AccessDenied)",
        ),
        (
            404,
            "<Error><Code>ContainerNotFound</Code><Message>The specified container …</Message></Error>",
            "there is no such container",
        ),
        (301, "", "the bucket is in another region"),
        (403, "<html>", "Server returned non-2xx status code: 403 Forbidden: <html>"),
    ],
)
def test_what_a_store_answers_is_told_in_its_words_and_not_in_the_clients(
    monkeypatch: pytest.MonkeyPatch, store: str, status: int, body: str, what: str
) -> None:
    handler = type("OneAnswer", (Answers,), {"status": status, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        bucket = Bucket(store)
        with pytest.raises(UsageError, match="reports cannot be written there: ") as refusal:
            bucket.check()
        with pytest.raises(JournalError, match="cannot be listed: ") as unread:
            list(bucket.names())
        server.shutdown()
    for error in (refusal.value, unread.value):
        assert error.what.endswith(what)
        assert error.hint
        assert "?list-type" not in error.what  # a query may be signed
        assert "Debug" not in error.what


def test_a_place_without_partial_reports_is_refused(run: Run, store: str, tmp_path: Path) -> None:
    code, _, err = run("report", "merge", store, "-o", str(tmp_path))
    assert (code, err.splitlines()[0]) == (2, f"error: {store}: holds no partial report (partial-*-of-*.jsonl)")


def test_a_bucket_that_is_not_there_shows_before_the_scan(run: Run, config: str, store: str) -> None:
    missing = store.replace(BUCKET, "no-such-bucket")
    code, _, err = run("scan", "--config", config, "--output", missing)
    assert code == 2
    assert err == f"error: {missing}: reports cannot be written there: there is no such bucket\n  {NO_BUCKET}\n"
    code, _, err = run("report", "merge", missing)
    assert (code, err) == (2, f"error: {missing}: cannot be listed: there is no such bucket\n  {NO_BUCKET}\n")


def test_each_failure_says_what_could_not_be_done(store: str, tmp_path: Path) -> None:
    missing = Bucket(store.replace(BUCKET, "no-such-bucket"))
    with pytest.raises(JournalError, match="cannot be listed: there is no such bucket") as refusal:
        list(missing.names())
    assert refusal.value.hint == NO_BUCKET
    file = tmp_path / "report.json"
    file.write_text("{}")
    with pytest.raises(ReportError, match="cannot be written: ") as failure:
        missing.put(file)
    assert (failure.value.where, failure.value.hint) == (f"{missing.url}/report.json", f"it stays at {file}")
    Bucket(store).put(file)
    with pytest.raises(JournalError, match=r"cannot be read: .*Is a directory"):
        Bucket(store).get("report.json", tmp_path)
    assert not missing.get("report.json", file)


def test_other_stores_are_named_by_their_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_url("gs://bucket/prefix")
    assert not is_url("reports")
    assert Bucket("gs://bucket/prefix/").url == "gs://bucket/prefix"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(UsageError, match="cannot be used: no storage account is named") as refusal:
        Bucket("az://container/prefix")
    assert refusal.value.hint == "set AZURE_STORAGE_ACCOUNT_NAME to its name"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "auditreports")
    assert Bucket("az://container/prefix").url == "az://container/prefix"


def test_the_extra_is_named_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.exceptions", None)
    with pytest.raises(UsageError, match="object stores cannot be used") as refusal:
        Bucket("s3://bucket")
    assert refusal.value.hint == 'install the extra "objectstore": pip install "k8s-audit-coverage[objectstore]"'
