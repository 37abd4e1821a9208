"""The logs: where they go, whether they outlive the pod, and how long they are kept."""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timedelta

import pytest

from scanner.model import Evidence, LinkState, NoteSeverity
from tests.unit.providers.self_managed.hosts import METADATA_ALL, Host, ScanHost, Volume

POLICY = "--audit-policy-file=/etc/kubernetes/audit-policy.yaml"
LOG = "/var/log/kubernetes/audit.log"
PATH = f"--audit-log-path={LOG}"
ETC = ("/etc/kubernetes", "hostPath: {path: /etc/kubernetes}", "")
LOGS = ("/var/log/kubernetes", "hostPath: {path: /var/log/kubernetes}", "")
MANIFEST = "hosts/cp-1/etc/kubernetes/manifests/kube-apiserver.yaml"
STARTED = datetime.fromisoformat("2026-11-23T09:00:00Z")


async def test_no_backend_is_a_gap_and_never_empty(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY], [ETC])
    server, observation = await scan_host()
    (channel,) = server.channels
    assert (channel.log, channel.exported.state) == ("file", LinkState.GAP)
    assert channel.exported.reason == "kube-apiserver does not specify --audit-log-path or --audit-webhook-config-file"
    assert channel.exported.evidence == (Evidence(MANIFEST, "line 10", POLICY),)
    assert channel.delivered.state is LinkState.NOT_APPLICABLE
    assert (channel.retention.at_least, channel.retention.at_most) == (0, 0)
    assert [note.text for note in observation.notes] == [
        "an audit policy is configured without a log: kube-apiserver starts, and its events go nowhere"
    ]


async def test_no_flags_about_auditing_at_all(host: Host, scan_host: ScanHost) -> None:
    host.pod(["--v=2", "--etcd-servers=https://etcd"], [ETC])
    server, _ = await scan_host()
    assert server.channels[0].exported.evidence == (
        Evidence(MANIFEST, "line 9", "kube-apiserver has 2 flags, none of them --audit-*"),
    )


async def test_a_file_on_the_host(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH, "--audit-log-maxage=30", "--audit-log-maxbackup=0"], [ETC, LOGS])
    server, observation = await scan_host()
    (channel,) = server.channels
    assert (channel.log, channel.name) == ("file", LOG)
    assert (channel.exported.state, channel.delivered.state) == (LinkState.OK, LinkState.OK)
    assert channel.exported.reason == f"kube-apiserver writes its audit log to {LOG}"
    assert channel.delivered.reason == (
        f"{LOG} is on volume v1 (hostPath /var/log/kubernetes), mounted writable at /var/log/kubernetes"
    )
    assert (channel.retention.at_least, channel.retention.at_most) == (30, 30)
    assert [item.value for item in channel.retention.evidence] == ["--audit-log-maxage=30", "--audit-log-maxbackup=0"]
    assert channel.observed is None
    assert observation.notes == ()


@pytest.mark.parametrize(
    ("volumes", "state", "reason"),
    [
        (
            [],
            LinkState.GAP,
            (
                f"{LOG} is written inside the container's own filesystem: lost when the pod is recreated; "
                f"no volume mount covers it"
            ),
        ),
        (
            [("/var/log/kubernetes", "emptyDir: {}", "")],
            LinkState.GAP,
            (
                f"{LOG} is on volume v1 (emptyDir), mounted writable at /var/log/kubernetes: lost when "
                "kube-apiserver is started anew"
            ),
        ),
        (
            [("/var/log/kubernetes", "hostPath: {path: /var/log/kubernetes}", "readOnly: true")],
            LinkState.GAP,
            (
                f"kube-apiserver refuses to start: {LOG} is on volume v1 (hostPath /var/log/kubernetes), mounted "
                "read-only at /var/log/kubernetes, where kube-apiserver cannot write it"
            ),
        ),
        (
            [("/var/log/kubernetes", "configMap: {name: x}", "")],
            LinkState.GAP,
            (
                f"kube-apiserver refuses to start: {LOG} is on volume v1 (configMap x), mounted writable at "
                "/var/log/kubernetes, where kube-apiserver cannot write it"
            ),
        ),
        (
            [("/var/log/kubernetes", "persistentVolumeClaim: {claimName: x}", "")],
            LinkState.OK,
            f"{LOG} is on volume v1 (persistentVolumeClaim), mounted writable at /var/log/kubernetes",
        ),
        (
            [("/var/log/kubernetes", "nfs: {server: x}", "")],
            LinkState.UNKNOWN,
            f"it is not known where {LOG} is kept: volume v1 (nfs), mounted writable at /var/log/kubernetes",
        ),
    ],
)
async def test_delivery(host: Host, scan_host: ScanHost, volumes: list[Volume], state: LinkState, reason: str) -> None:
    host.pod([POLICY, PATH], [ETC, *volumes])
    server, _ = await scan_host()
    delivered = server.channels[0].delivered
    assert (delivered.state, delivered.reason) == (state, reason)


async def test_a_volume_that_is_not_defined(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC, LOGS])
    path = host.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    path.write_text(path.read_text().replace("- {name: v1, hostPath", "- {name: other, hostPath"))
    server, _ = await scan_host()
    assert server.channels[0].delivered.reason == (
        f"it is not known where {LOG} is kept: "
        "a volume v1 that the manifest does not define, mounted at /var/log/kubernetes"
    )


async def test_a_log_path_that_is_a_directory(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC, LOGS])
    (host.root / LOG[1:]).mkdir(parents=True)
    server, _ = await scan_host()
    delivered = server.channels[0].delivered
    assert (delivered.state, delivered.reason) == (
        LinkState.GAP,
        f"kube-apiserver refuses to start: {LOG} is a directory",
    )
    assert delivered.evidence[-1] == Evidence(f"hosts/cp-1{LOG}", "file type", "directory")


async def test_a_log_file_that_is_itself_mounted(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC, (LOG, f"hostPath: {{path: {LOG}, type: FileOrCreate}}", "")])
    server, observation = await scan_host()
    assert server.channels[0].delivered.state is LinkState.OK
    assert [note.text for note in observation.notes] == [
        (
            f"{LOG} is itself the mount point: kube-apiserver cannot rename it to rotate it, "
            "and loses events once it reaches its size; mount its directory instead"
        )
    ]


@pytest.mark.parametrize(
    ("directory", "below"),
    [("tmp/audit", "tmp"), ("run/audit", "run"), ("var/run/a", "var/run"), ("tmpfs", ""), ("var/tmp", "")],
)
async def test_a_log_that_the_host_may_hold_in_memory(
    host: Host, scan_host: ScanHost, directory: str, below: str
) -> None:
    host.pod([POLICY, "--audit-log-path=/logs/audit.log"], [ETC, ("/logs", f"hostPath: {{path: /{directory}}}", "")])
    server, observation = await scan_host()
    assert server.channels[0].delivered.state is LinkState.OK
    text = f"/logs/audit.log is kept below /{below} of the host, which many systems hold in memory"
    assert [note.text.partition(":")[0] for note in observation.notes] == ([text] if below else [])


async def test_standard_output(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, "--audit-log-path=-"], [ETC])
    server, observation = await scan_host(observe=True)
    (channel,) = server.channels
    assert (channel.log, channel.exported.state, channel.delivered.state) == ("stdout", LinkState.OK, LinkState.OK)
    assert channel.delivered.reason == "standard output goes to the container runtime's log on the node"
    assert (channel.retention.at_least, channel.retention.at_most) == (0, math.inf)
    assert channel.observed is not None
    assert channel.observed.reason == "the container runtime's log on the node is not read"
    (note,) = observation.notes
    assert note.severity is NoteSeverity.WARNING
    assert note.text == (
        "--audit-log-path=- writes the audit log to standard output: records are kept only as long as "
        "the node's own log rotation keeps them"
    )


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ["--audit-log-format=legacy"],
            (
                "--audit-log-format=legacy writes one line of text for each event: who, what, when and the status "
                "code; the reason of an authorization decision, the annotations and the bodies are left out"
            ),
        ),
        (["--audit-log-mode=batch"], "--audit-log-mode=batch drops events when its buffer is full"),
        (
            ["--audit-log-truncate-enabled"],
            "--audit-log-truncate-enabled cuts the bodies of large events, and drops what is still too large",
        ),
        (
            ["--audit-log-file=/x"],
            "no kube-apiserver up to 1.36 knows --audit-log-file: it refuses to start with an unknown flag",
        ),
    ],
)
async def test_traps_of_the_log(host: Host, scan_host: ScanHost, flags: list[str], text: str) -> None:
    host.pod([POLICY, PATH, *flags], [ETC, LOGS])
    _, observation = await scan_host()
    (note,) = observation.notes
    assert (note.severity, note.text) == (NoteSeverity.WARNING, text)
    assert [item.value for item in note.evidence] == flags


async def test_a_log_without_a_policy(host: Host, scan_host: ScanHost) -> None:
    host.pod([PATH], [ETC, LOGS])
    server, observation = await scan_host()
    assert server.channels[0].exported.state is LinkState.OK
    assert [note.text for note in observation.notes] == [
        "a log is configured without --audit-policy-file: kube-apiserver starts, and no event is ever recorded"
    ]


async def test_the_rotation_of_an_unknown_version(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC, LOGS], image="registry.example/kube-apiserver@sha256:0")
    server, observation = await scan_host()
    assert observation.ref.version is None
    retention = server.channels[0].retention
    assert (retention.at_least, retention.at_most) == (0, math.inf)
    assert retention.reason == (
        "the Kubernetes version is not known, and the defaults changed in 1.36: before it, rotated files are never "
        "removed: --audit-log-maxage and --audit-log-maxbackup are 0; from it on, at most 100 rotated files of 100 MB "
        "(--audit-log-maxbackup, --audit-log-maxsize) and none older than 366 days (--audit-log-maxage): "
        "how far back they reach depends on the traffic"
    )
    assert retention.evidence == (Evidence(MANIFEST, "line 11", PATH),)


async def test_the_retention_of_a_file_that_is_lost(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH, "--audit-log-maxage=30", "--audit-log-maxbackup=0"], [ETC])
    server, _ = await scan_host()
    retention = server.channels[0].retention
    assert (retention.at_least, retention.at_most, retention.reason) == (0, 30, "the file is lost with its pod")


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--audit-log-path=$(X)", "the value of --audit-log-path is not known: the container's envFrom may set it"),
        ("--audit-log-maxage=$(X)", "the limits of the rotation are not known: the container's envFrom may set it"),
    ],
)
async def test_values_from_elsewhere(host: Host, scan_host: ScanHost, flag: str, reason: str) -> None:
    host.pod([POLICY, PATH, flag], [ETC, LOGS])
    path = host.root / "etc/kubernetes/manifests/kube-apiserver.yaml"
    env = "    envFrom: [{configMapRef: {name: a}}]\n    volumeMounts:"
    path.write_text(path.read_text().replace("    volumeMounts:", env))
    server, _ = await scan_host()
    (channel,) = server.channels
    assert channel.retention.reason == reason
    assert (channel.retention.at_least, channel.retention.at_most) == (0, math.inf)
    if "path" in flag:
        assert (channel.exported.state, channel.delivered.state) == (LinkState.UNKNOWN, LinkState.UNKNOWN)


def event(time: datetime, stage: str = "stageTimestamp") -> str:
    return json.dumps(
        {"kind": "Event", stage: time.isoformat().replace("+00:00", ".123456Z"), "user": {"username": "bo"}}
    )


@pytest.mark.parametrize(
    ("lines", "modified", "state", "reason", "value"),
    [
        (
            [event(STARTED - timedelta(hours=30)), event(STARTED - timedelta(hours=1))],
            STARTED,
            LinkState.OK,
            "the newest record is within the look-back window",
            "2026-11-23T08:00:00+00:00",
        ),
        (
            [event(STARTED - timedelta(hours=2), "requestReceivedTimestamp"), '{"half'],
            STARTED,
            LinkState.OK,
            "the newest record is within the look-back window",
            "2026-11-23T07:00:00+00:00",
        ),
        (
            [event(STARTED - timedelta(hours=30))],
            STARTED,
            LinkState.UNKNOWN,
            "the newest record is not within the look-back window",
            "2026-11-22T03:00:00+00:00",
        ),
        (
            ["not json", "[1]", '{"stageTimestamp": "yesterday"}', '{"stageTimestamp": "2026-11-23T08:00:00"}'],
            STARTED - timedelta(hours=3),
            LinkState.OK,
            "the last change of the file is within the look-back window",
            "2026-11-23T06:00:00+00:00",
        ),
        ([], STARTED, LinkState.UNKNOWN, f"hosts/cp-1{LOG} is empty", "0 bytes"),
    ],
)
async def test_observed(
    host: Host, scan_host: ScanHost, lines: list[str], modified: datetime, state: LinkState, reason: str, value: str
) -> None:
    host.pod([POLICY, PATH], [ETC, LOGS])
    log = host.put(LOG, "\n".join(lines))
    os.utime(log, (modified.timestamp(), modified.timestamp()))
    server, _ = await scan_host(observe=True)
    observed = server.channels[0].observed
    assert observed is not None
    assert (observed.state, observed.reason) == (state, reason)
    assert [item.value for item in observed.evidence] == [value]


async def test_observed_where_the_log_cannot_be_read(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC, LOGS])
    server, _ = await scan_host(observe=True)
    observed = server.channels[0].observed
    assert observed is not None
    assert (observed.state, observed.reason) == (
        LinkState.UNKNOWN,
        f"the audit log could not be read: hosts/cp-1{LOG}: there is no such file",
    )


async def test_observed_where_the_log_is_not_on_the_host(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, PATH], [ETC])
    server, _ = await scan_host(observe=True)
    observed = server.channels[0].observed
    assert observed is not None
    assert observed.reason == f"{LOG} is not on the host"


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr", "/proc/self/fd/1"])
async def test_a_standard_stream_by_its_path(host: Host, scan_host: ScanHost, path: str) -> None:
    host.pod([POLICY, f"--audit-log-path={path}"], [ETC])
    server, _ = await scan_host()
    assert (server.channels[0].log, server.channels[0].delivered.state) == ("stdout", LinkState.OK)


@pytest.mark.parametrize(
    ("flag", "volumes", "reason"),
    [
        ("--audit-log-path=/dev/null", [ETC], "/dev/null is a device, which keeps nothing"),
        (
            PATH,
            [ETC, (LOG, "hostPath: {path: /dev/null}", "")],
            f"{LOG} is the device /dev/null, which keeps nothing",
        ),
    ],
)
async def test_a_device_keeps_nothing(
    host: Host, scan_host: ScanHost, flag: str, volumes: list[Volume], reason: str
) -> None:
    host.pod([POLICY, flag], volumes)
    (channel,) = (await scan_host())[0].channels
    assert (channel.delivered.state, channel.delivered.reason) == (LinkState.GAP, reason)
    assert channel.retention.at_most == 0


async def test_shared_memory_is_no_device(host: Host, scan_host: ScanHost) -> None:
    host.pod([POLICY, "--audit-log-path=/dev/shm/a.log"], [ETC])
    (channel,) = (await scan_host())[0].channels
    assert (channel.delivered.state, "lost when the pod" in channel.delivered.reason) == (LinkState.GAP, True)
    assert "device" not in channel.delivered.reason


UNIT = """[Service]
ExecStart=/usr/bin/kube-apiserver --audit-policy-file=/etc/kubernetes/audit-policy.yaml \
  --audit-log-path=/var/log/kubernetes/audit.log --authorization-mode=RBAC
"""


@pytest.mark.parametrize(
    ("directives", "state", "reason"),
    [
        ("", LinkState.OK, f"{LOG} is on the host itself"),
        (
            "ProtectSystem=strict",
            LinkState.GAP,
            (
                f"kube-apiserver refuses to start: {LOG} is on the host itself, read-only by ProtectSystem=strict, "
                "where kube-apiserver cannot write it"
            ),
        ),
        ("ProtectSystem=full", LinkState.OK, f"{LOG} is on the host itself"),
        (
            "ProtectSystem=strict\nReadWritePaths=-/var/log",
            LinkState.OK,
            f"{LOG} is on the host itself, writable by ReadWritePaths=-/var/log",
        ),
        (
            "ProtectSystem=strict\nLogsDirectory=kubernetes",
            LinkState.OK,
            f"{LOG} is on the host itself, writable by LogsDirectory=kubernetes",
        ),
        (
            "ReadOnlyPaths=/var/log/kubernetes",
            LinkState.GAP,
            (
                f"kube-apiserver refuses to start: {LOG} is on the host itself, read-only by "
                "ReadOnlyPaths=/var/log/kubernetes, where kube-apiserver cannot write it"
            ),
        ),
        ("ReadOnlyPaths=/var/log\nReadOnlyPaths=", LinkState.OK, f"{LOG} is on the host itself"),
        (
            "TemporaryFileSystem=/var/log:ro",
            LinkState.GAP,
            (
                f"{LOG} is on a filesystem that TemporaryFileSystem=/var/log:ro makes for the service alone: lost when "
                "kube-apiserver is started anew"
            ),
        ),
        (
            "InaccessiblePaths=/var/log",
            LinkState.UNKNOWN,
            f"it is not known where {LOG} is kept: InaccessiblePaths= of the unit hides /var/log",
        ),
        (
            "RootDirectory=/chroot",
            LinkState.UNKNOWN,
            (
                f"it is not known where {LOG} is kept: RootDirectory=/chroot gives it a root of its own, "
                "which is not read"
            ),
        ),
        ("PrivateTmp=yes\nProtectHome=true", LinkState.OK, f"{LOG} is on the host itself"),
    ],
)
async def test_what_systemd_takes_away_counts(
    host: Host, scan_host: ScanHost, directives: str, state: LinkState, reason: str
) -> None:
    host.put("etc/kubernetes/audit-policy.yaml", METADATA_ALL)
    host.put("etc/systemd/system/kube-apiserver.service", f"{UNIT}{directives}\n")
    server, _ = await scan_host("etc/systemd/system/kube-apiserver.service")
    (channel,) = server.channels
    assert (channel.delivered.state, channel.delivered.reason) == (state, reason)


async def test_a_log_that_keeps_the_server_from_starting_leaves_the_webhook_nothing(
    host: Host, scan_host: ScanHost
) -> None:
    host.pod([POLICY, PATH, "--audit-webhook-config-file=/etc/kubernetes/hook.yaml"], [ETC, LOGS])
    (host.root / LOG[1:]).mkdir(parents=True)
    server, observation = await scan_host()
    assert [channel.exported.state for channel in server.channels] == [LinkState.GAP, LinkState.GAP]
    assert observation.parameters["refused"] == f"{LOG} is a directory"
