"""kube-apiserver's arguments are read as pflag reads them."""

from __future__ import annotations

import pytest

from scanner.apiserver import Argument, Flags, is_relevant, parse_arguments
from scanner.errors import FlagError


def parse(*words: str) -> Flags:
    return parse_arguments([Argument(word, "unit", line) for line, word in enumerate(words, start=1)])


def pairs(flags: Flags) -> list[tuple[str, str]]:
    return [(setting.flag, setting.value) for setting in flags.occurrences]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--audit-log-path=/a=b"], [("audit-log-path", "/a=b")]),
        (["--audit-log-path", "/a"], [("audit-log-path", "/a")]),
        (["--audit-log-path", "-"], [("audit-log-path", "-")]),
        (["--audit-log-path", "--v=2"], [("audit-log-path", "--v=2")]),
        (["--audit-log-path="], [("audit-log-path", "")]),
        (["--audit_log_path=/a_b"], [("audit-log-path", "/a_b")]),
        (["--anonymous-auth", "--v=2"], [("anonymous-auth", "true"), ("v", "2")]),
        (["--anonymous-auth=false"], [("anonymous-auth", "false")]),
        (["--allow-privileged", "--audit-log-path=/a"], [("allow-privileged", "true"), ("audit-log-path", "/a")]),
        (["--secure-port", "6443", "--audit-log-path=/a"], [("secure-port", "6443"), ("audit-log-path", "/a")]),
        (["--allow-privileged"], [("allow-privileged", "true")]),
        (["-v=2", "-v", "4", "-v9", "--audit-log-path=/a"], [("audit-log-path", "/a")]),
        (["", "--"], []),
        (["--", ""], []),
    ],
)
def test_forms(words: list[str], expected: list[tuple[str, str]]) -> None:
    assert pairs(parse(*words)) == expected


@pytest.mark.parametrize(
    ("words", "message", "where"),
    [
        (["-audit-policy-file=ok.yaml"], "unknown shorthand flag: 'a' in -audit-policy-file=ok.yaml", "unit:1"),
        (["-token-auth-file=AKIAIOSFODNN7EXAMPLE"], "unknown shorthand flag: 't' in -token-auth-file", "unit:1"),
        (["--v=2", "--audit-log-path"], "flag needs an argument: --audit-log-path", "unit:2"),
        (["-v"], "flag needs an argument: 'v' in -v", "unit:1"),
        (["-h"], "-h prints the help and ends", "unit:1"),
        (["---x=AKIAIOSFODNN7EXAMPLE"], "bad flag syntax: ---x", "unit:1"),
        (["--=x"], "bad flag syntax: --", "unit:1"),
        (["serve"], "kube-apiserver takes only flags, and word 1 behind its name is none", "unit:1"),
        (["-"], "kube-apiserver takes only flags, and word 1 behind its name is none", "unit:1"),
        (["--", "--v=2"], "kube-apiserver takes only flags, and word 2 behind its name is none", "unit:2"),
    ],
)
def test_refusals(words: list[str], message: str, where: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(*words)
    assert (caught.value.what, caught.value.where) == (message, where)


def test_the_last_occurrence_counts_and_all_are_kept() -> None:
    flags = parse("--audit-log-path=/a", "--v=2", "--audit_log_path", "/b")
    last = flags.last("audit-log-path")
    assert last is not None
    assert (last.value, last.written, last.place) == ("/b", "--audit_log_path /b", "unit:3")
    assert [setting.value for setting in flags.all("audit-log-path")] == ["/a", "/b"]
    assert flags.last("audit-policy-file") is None


def test_a_place_without_a_line_is_the_file() -> None:
    (setting,) = parse_arguments([Argument("--v=2", "unit")]).occurrences
    assert setting.place == "unit"


def test_only_flags_about_auditing_and_access_may_be_shown() -> None:
    flags = parse("--etcd-servers=https://u:p@etcd", "--audit-log-path=/a", "--anonymous-auth", "--audit-typo=1")
    assert [setting.flag for setting in flags.relevant()] == ["audit-log-path", "anonymous-auth", "audit-typo"]
    assert not is_relevant("token-auth-file")


def test_a_word_that_could_not_be_read_may_hold_any_flag() -> None:
    word = Argument("$(MORE)", "unit", 3, "MORE is elsewhere")
    assert parse_arguments([word]).unread == (word,)
    assert parse_arguments([Argument("--"), word]).unread == (word,)


def test_a_value_that_could_not_be_read_stays_with_its_flag() -> None:
    word = Argument("$(HOST)", "unit", 3, "HOST is elsewhere")
    flags = parse_arguments([Argument("--audit-log-path"), word, Argument("--advertise-address"), word])
    assert flags.unread == ()
    assert [setting.unread for setting in flags.occurrences] == ["HOST is elsewhere", "HOST is elsewhere"]
