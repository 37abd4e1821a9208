"""What kube-apiserver's flags amount to."""

from __future__ import annotations

import math

import pytest

from scanner.apiserver import Argument, AuditConfiguration, Rotation, configure, minor_version, rotations
from scanner.errors import FlagError

LOG = "--audit-log-path=/a"
HOOK = "--audit-webhook-config-file=/w"


def given(*words: str, version: str | None = "1.34") -> AuditConfiguration:
    return configure([Argument(word, "unit", line) for line, word in enumerate(words, start=1)], version)


def test_defaults_of_a_log() -> None:
    log = given(LOG, "--audit-policy-file=/p").log
    assert log is not None
    assert (log.path.value, log.mode, log.format, log.truncates) == ("/a", "blocking", "json", False)


def test_defaults_of_a_webhook() -> None:
    webhook = given(HOOK).webhook
    assert webhook is not None
    assert (webhook.config_file.value, webhook.mode, webhook.truncates) == ("/w", "batch", False)


def test_settings_of_both_backends() -> None:
    configuration = given(
        LOG,
        "--audit-log-mode=batch",
        "--audit-log-format=legacy",
        "--audit-log-truncate-enabled",
        HOOK,
        "--audit-webhook-mode=blocking-strict",
        "--audit-webhook-truncate-enabled=T",
    )
    assert configuration.log is not None
    assert configuration.webhook is not None
    assert (configuration.log.mode, configuration.log.format, configuration.log.truncates) == ("batch", "legacy", True)
    assert (configuration.webhook.mode, configuration.webhook.truncates) == ("blocking-strict", True)


@pytest.mark.parametrize(
    ("words", "records"),
    [
        ([], False),
        (["--audit-policy-file=/p"], False),
        ([LOG], False),
        ([HOOK], False),
        (["--audit-policy-file=/p", LOG], True),
        (["--audit-policy-file=/p", HOOK], True),
        (["--audit-policy-file=", LOG], False),
        (["--audit-policy-file=/p", "--audit-log-path="], False),
    ],
)
def test_a_policy_and_a_backend_are_both_needed(words: list[str], records: bool) -> None:  # noqa: FBT001 - a parameter
    assert given(*words).records is records


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [LOG, "--audit-log-mode=async"],
            'invalid audit log mode async, allowed modes are "batch,blocking,blocking-strict"',
        ),
        ([LOG, "--audit-log-mode="], 'invalid audit log mode , allowed modes are "batch,blocking,blocking-strict"'),
        (
            [HOOK, "--audit-webhook-mode=x"],
            'invalid audit webhook mode x, allowed modes are "batch,blocking,blocking-strict"',
        ),
        ([LOG, "--audit-log-format=text"], 'invalid audit log format text, allowed formats are "legacy,json"'),
        ([LOG, "--audit-log-version=v1"], 'invalid group version, allowed versions are ["audit.k8s.io/v1"]'),
        ([LOG, "--audit-log-maxage=-1"], "--audit-log-maxage -1 can't be a negative number"),
        ([LOG, "--audit-log-maxbackup=-2"], "--audit-log-maxbackup -2 can't be a negative number"),
        ([LOG, "--audit-log-maxsize=-3"], "--audit-log-maxsize -3 can't be a negative number"),
        (
            ["--audit-log-maxage=1y"],
            'invalid argument "1y" for "--audit-log-maxage" flag: strconv.ParseInt: parsing "1y": invalid syntax',
        ),
        (
            ["--anonymous-auth=yes"],
            'invalid argument "yes" for "--anonymous-auth" flag: strconv.ParseBool: parsing "yes": invalid syntax',
        ),
        (
            ["--audit-log-batch-throttle-qps=fast"],
            (
                'invalid argument "fast" for "--audit-log-batch-throttle-qps" flag: '
                'strconv.ParseFloat: parsing "fast": invalid syntax'
            ),
        ),
        (
            ["--audit-webhook-batch-max-wait=30"],
            'invalid argument "30" for "--audit-webhook-batch-max-wait" flag: time: invalid duration "30"',
        ),
        (
            [LOG, "--audit-log-mode=batch", "--audit-log-batch-buffer-size=0"],
            "invalid audit batch log buffer size 0, must be a positive number",
        ),
        (
            [HOOK, "--audit-webhook-batch-max-size=-4"],
            "invalid audit batch webhook max batch size -4, must be a positive number",
        ),
        (
            [HOOK, "--audit-webhook-batch-throttle-qps=0"],
            "invalid audit batch webhook throttle QPS 0, must be a positive number",
        ),
        (
            [HOOK, "--audit-webhook-batch-throttle-burst=0"],
            "invalid audit batch webhook throttle burst 0, must be a positive number",
        ),
        (
            [LOG, "--audit-log-truncate-max-event-size=0"],
            "invalid audit truncate log max event size 0, must be a positive number",
        ),
        (
            [LOG, "--audit-log-truncate-max-event-size=2000", "--audit-log-truncate-max-batch-size=1000"],
            "invalid audit truncate log max batch size 1000, must be greater than max event size (2000)",
        ),
        (["--authorization-mode=Node,rbac"], 'authorization-mode "rbac" is not a valid mode'),
        (["--authorization-mode=Node, RBAC"], 'authorization-mode " RBAC" is not a valid mode'),
        (
            ["--authorization-mode=RBAC", "--authorization-mode=RBAC"],
            'authorization-mode "RBAC" has mode specified more than once',
        ),
        (["--authorization-mode=ABAC"], "authorization-mode ABAC's authorization policy file not passed"),
        (["--authorization-mode=Webhook"], "authorization-mode Webhook's authorization config file not passed"),
    ],
)
def test_refusals(words: list[str], message: str) -> None:
    with pytest.raises(FlagError) as caught:
        given(*words)
    assert caught.value.what == message
    assert caught.value.where == f"unit:{len(words)}"


@pytest.mark.parametrize(
    "words",
    [
        ["--audit-log-mode=async"],  # no log: not looked at
        ["--audit-log-maxage=-1", "--audit-log-format=text"],
        ["--audit-webhook-mode=async"],
        [LOG, "--audit-log-batch-buffer-size=0"],  # blocking: not looked at
        [HOOK, "--audit-webhook-batch-throttle-enable=false", "--audit-webhook-batch-throttle-qps=0"],
        [HOOK, "--audit-webhook-batch-max-wait=1m30s", "--audit-webhook-initial-backoff=0"],
    ],
)
def test_what_is_not_checked(words: list[str]) -> None:
    assert given(*words).flags.occurrences


def test_older_versions_serve_older_formats() -> None:
    assert given(LOG, "--audit-log-version=audit.k8s.io/v1beta1", version="1.23").log is not None


def test_go_notations_of_numbers() -> None:
    for text, value in (("0x1e", 30), ("036", 30), ("0b11110", 30), ("+30", 30), ("3_0", 30), ("0o36", 30)):
        log = given(LOG, f"--audit-log-maxage={text}", "--audit-log-maxbackup=0").log
        assert log is not None
        assert log.rotation == (Rotation(value, 0, 100),)


@pytest.mark.parametrize(
    ("words", "modes", "can_deny", "anonymous"),
    [
        ([], ("AlwaysAllow",), False, False),
        (["--authorization-mode="], ("AlwaysAllow",), False, False),
        (["--authorization-mode=Node,RBAC"], ("Node", "RBAC"), True, True),
        (["--authorization-mode=Node", "--authorization-mode=RBAC"], ("Node", "RBAC"), True, True),
        (["--authorization-mode=RBAC", "--anonymous-auth=false"], ("RBAC",), True, False),
        (["--authorization-mode=RBAC,AlwaysAllow"], ("RBAC", "AlwaysAllow"), False, False),
        (["--authorization-mode=AlwaysDeny"], ("AlwaysDeny",), True, True),
        (
            ["--authorization-mode=Webhook,AlwaysAllow", "--authorization-webhook-config-file=/w"],
            ("Webhook", "AlwaysAllow"),
            True,
            False,
        ),
        (["--authorization-config=/c"], (), None, None),
        (["--authorization-config=/c", "--anonymous-auth=false"], (), None, False),
        (["--authorization-mode=RBAC", "--authentication-config=/c"], ("RBAC",), True, None),
    ],
)
def test_authorization(words: list[str], modes: tuple[str, ...], can_deny: bool | None, anonymous: bool | None) -> None:  # noqa: FBT001 - parameters
    configuration = given(*words)
    assert configuration.authorization.modes == modes
    assert configuration.authorization.can_deny is can_deny
    assert configuration.anonymous is anonymous


def test_unread_authorization() -> None:
    word = Argument("--authorization-mode=$(M)", "unit", 1, "M is elsewhere")
    configuration = configure([word])
    assert configuration.authorization.can_deny is None
    assert configuration.anonymous is None
    assert configure([Argument("--anonymous-auth=$(M)", "unit", 1, "M is elsewhere")]).anonymous is None


def test_flags_that_no_version_knows() -> None:
    (setting,) = given("--audit-log-file=/a", "--etcd-servers=x", LOG).unknown_flags
    assert setting.flag == "audit-log-file"


def test_openshift_keeps_its_settings_elsewhere() -> None:
    (unread,) = given("--openshift-config=/c").flags.unread
    assert unread.unread == "the settings stand in the file of --openshift-config, which is not read"
    assert unread.line == 1


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("1.34", 34),
        ("v1.36.2", 36),
        ("v1.30.1-eks-abc", 30),
        ("1.33+", 33),
        (None, None),
        ("latest", None),
        ("2.0", None),
    ],
)
def test_minor_version(version: str | None, minor: int | None) -> None:
    assert minor_version(version) == minor


@pytest.mark.parametrize(
    ("minor", "expected"),
    [
        (35, (Rotation(0, 0, 100),)),
        (36, (Rotation(366, 100, 100),)),
        (None, (Rotation(0, 0, 100), Rotation(366, 100, 100))),
    ],
)
def test_defaults_of_the_rotation_changed_in_1_36(minor: int | None, expected: tuple[Rotation, ...]) -> None:
    assert rotations(None, None, None, minor) == expected


def test_a_size_of_zero_changed_in_1_36() -> None:
    assert rotations(30, 10, 0, 35) == (Rotation(30, 10, 100),)
    assert rotations(30, 10, 0, 36) == (Rotation(30, 10, 0),)
    assert rotations(30, 10, 200, None) == (Rotation(30, 10, 200),)


@pytest.mark.parametrize(
    ("rotation", "days", "text"),
    [
        (
            Rotation(30, 10, 100),
            (0, 30),
            (
                "at most 10 rotated files of 100 MB (--audit-log-maxbackup, --audit-log-maxsize) and none older than "
                "30 days (--audit-log-maxage): how far back they reach depends on the traffic"
            ),
        ),
        (
            Rotation(0, 1, 50),
            (0, math.inf),
            (
                "at most 1 rotated file of 50 MB (--audit-log-maxbackup, --audit-log-maxsize): "
                "how far back they reach depends on the traffic"
            ),
        ),
        (Rotation(30, 0, 100), (30, 30), "rotated files are kept 30 days (--audit-log-maxage), however many there are"),
        (
            Rotation(0, 0, 100),
            (math.inf, math.inf),
            "rotated files are never removed: --audit-log-maxage and --audit-log-maxbackup are 0",
        ),
        (Rotation(30, 10, 0), (math.inf, math.inf), "the file is never rotated: it grows until the disk is full"),
    ],
)
def test_what_a_rotation_keeps(rotation: Rotation, days: tuple[float, float], text: str) -> None:
    assert rotation.kept_days == days
    assert rotation.describe() == text
