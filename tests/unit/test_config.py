"""The configuration: what it reads, and the words in which it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from pydantic import Field

from providers import load
from scanner.cli.configs import read
from scanner.config import Config, load_config
from scanner.errors import ConfigError
from scanner.model import Grade, Link
from scanner.ports import AccountOptions, OrganizationOptions

ACCOUNT = '[[account]]\nname = "prod"\nprovider = "eks"\n'


def _options(kind: str) -> type[AccountOptions]:
    return load(kind).options


def _write(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    return load_config(_write(folder, text), _options, environ or {})


def _refusal(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text, environ)
    return str(caught.value).replace(str(folder), "DIR")


def test_the_smallest_file_gets_every_default(tmp_path: Path) -> None:
    config = _load(tmp_path, ACCOUNT)
    assert config.rule.required_grade is Grade.MINIMUM
    assert config.rule.links == (Link.GENERATED, Link.EXPORTED, Link.DELIVERED)
    assert config.rule.min_retention_days == 30
    assert config.scan.concurrency == 16
    assert config.output.formats == ["json", "html"]
    assert config.output.fail_on == "unknown"
    assert [(one.name, one.provider) for one in config.accounts] == [("prod", "eks")]


def test_links_are_read_in_the_order_of_the_chain(tmp_path: Path) -> None:
    config = _load(tmp_path, '[rule]\nlinks = ["retained", "delivered", "exported", "generated"]\n' + ACCOUNT)
    assert config.rule.links == (Link.GENERATED, Link.EXPORTED, Link.DELIVERED, Link.RETAINED)


def test_accounts_come_from_included_files_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _write(tmp_path, f'[[account]]\nname = "{name}"\nprovider = "eks"\n', f"accounts.d/{name}.toml")
    config = _load(tmp_path, 'include = ["accounts.d/*.toml"]\n')
    assert [one.name for one in config.accounts] == ["a", "b"]
    assert config.accounts[0].file == tmp_path / "accounts.d" / "a.toml"


def test_an_absolute_include_is_followed(tmp_path: Path) -> None:
    other = _write(tmp_path / "else where", ACCOUNT, "one.toml")
    assert _load(tmp_path, f'include = ["{other}"]\n').accounts[0].name == "prod"


def test_a_file_that_two_patterns_find_is_read_once(tmp_path: Path) -> None:
    _write(tmp_path, ACCOUNT, "accounts.d/a.toml")
    assert len(_load(tmp_path, 'include = ["accounts.d/*.toml", "accounts.d/a.toml"]\n').accounts) == 1


def test_defaults_are_inherited_and_an_accounts_own_key_wins(tmp_path: Path) -> None:
    text = (
        '[defaults.eks]\nregions = ["eu-west-1"]\nprofile = "hub"\n'
        + ACCOUNT
        + '[[account]]\nname = "own"\nprovider = "eks"\nregions = ["us-east-1"]\n'
    )
    inherited, own = (account.options.model_dump() for account in _load(tmp_path, text).accounts)
    assert list(inherited["regions"]) == ["eu-west-1"]
    assert list(own["regions"]) == ["us-east-1"]
    assert own["profile"] == "hub"


def test_values_come_from_the_environment(tmp_path: Path) -> None:
    text = '[[account]]\nname = "${TEAM}-prod"\nprovider = "eks"\nprofile = "$${TEAM}"\n'
    account = _load(tmp_path, text, {"TEAM": "blue"}).accounts[0]
    assert account.name == "blue-prod"
    assert account.options.model_dump()["profile"] == "${TEAM}"


def test_the_digest_tells_settings_apart_but_not_files_or_order(tmp_path: Path) -> None:
    other = '[[account]]\nname = "other"\nprovider = "eks"\n'
    _write(tmp_path, other, "accounts.d/other.toml")
    one = _load(tmp_path, ACCOUNT + other).digest
    assert _load(tmp_path, other + ACCOUNT).digest == one
    assert _load(tmp_path, 'include = ["accounts.d/*.toml"]\n' + ACCOUNT).digest == one
    assert _load(tmp_path, ACCOUNT + other + "[rule]\nmin_retention_days = 90\n").digest != one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[scann]\n",
            "DIR/config.toml: scann: unknown key 'scann' "
            "(did you mean 'scan'? allowed: scan, rule, output, defaults, include, account, organization)",
            id="unknown table",
        ),
        pytest.param(
            "[scan]\nconcurency = 3\n",
            "DIR/config.toml: scan.concurency: unknown key 'concurency' (did you mean 'concurrency'? allowed: "
            "concurrency, max_calls, connect_timeout, call_timeout, account_timeout, timeout, retries, window)",
            id="unknown key",
        ),
        pytest.param(
            '[scan]\nconcurrency = "3"\n',
            'DIR/config.toml: scan.concurrency: must be a valid integer, not "3"',
            id="wrong type",
        ),
        pytest.param(
            "[scan]\nretries = 99\n",
            "DIR/config.toml: scan.retries: must be less than or equal to 20, not 99",
            id="out of range",
        ),
        pytest.param(
            '[rule]\ngrade = "best"\nstages = "some"\n',
            "DIR/config.toml: rule.grade: must be 'minimum' or 'complete', not \"best\"\n"
            "DIR/config.toml: rule.stages: must be 'outcome' or 'all', not \"some\"",
            id="every mistake of a table",
        ),
        pytest.param(
            '[rule]\nlinks = ["generated", "shipped", "exported", "delivered"]\n',
            "DIR/config.toml: rule.links: holds 'shipped'; allowed: generated, exported, delivered, retained, observed",
            id="unknown link",
        ),
        pytest.param(
            '[rule]\nlinks = ["generated"]\n',
            "DIR/config.toml: rule.links: must hold exported, delivered: "
            "a record that is not made, exported and delivered cannot pass",
            id="a rule that would pass what is not kept",
        ),
        pytest.param("scan = 3\n", "DIR/config.toml: scan: must be a table (write [scan])", id="no table"),
        pytest.param(
            "account = 3\n", "DIR/config.toml: account: must be a list of tables (write [[account]])", id="list"
        ),
        pytest.param(
            "", "DIR/config.toml: there is no account to scan (add an [[account]] table)", id="nothing to scan"
        ),
        pytest.param(
            '[[account]]\nprovider = "eks"\n',
            'DIR/config.toml: account[0].name: is missing (write name = "…")',
            id="no name",
        ),
        pytest.param(
            '[[account]]\nname = 7\nprovider = "eks"\n',
            "DIR/config.toml: account[0].name: must be a string, not 7",
            id="name of a wrong type",
        ),
        pytest.param(
            '[[account]]\nname = "a"\nprovider = "eks"\nsession_name = "has space"\nexternal_id = "x"\n',
            'DIR/config.toml: account[0].external_id: must have at least 2 characters, not "x"\n'
            "DIR/config.toml: account[0].session_name: is 'has space', which holds more than letters, digits"
            " and _+=,.@-",
            id="texts of another form",
        ),
        pytest.param(
            '[[account]]\nname = "a\\nb"\nprovider = "eks"\n',
            "DIR/config.toml: account[0].name: must be 1 to 128 characters without control characters",
            id="control characters in a name",
        ),
        pytest.param(
            ACCOUNT + ACCOUNT,
            "DIR/config.toml: account: duplicate account 'prod': it stands there twice "
            "(each account needs a name of its own)",
            id="duplicate",
        ),
        pytest.param(
            ACCOUNT + 'aws_secret_access_key = "x"\n',
            "DIR/config.toml: account[0].aws_secret_access_key: unknown key 'aws_secret_access_key' "
            "(secrets are never read from the file: the cloud's own credential chain is used)",
            id="a secret",
        ),
        pytest.param(
            '[[account]]\nname = "${TEAM}"\nprovider = "eks"\n',
            "DIR/config.toml: account[0].name: the environment variable 'TEAM' is not set "
            "(set it, or write $${…} for the text itself)",
            id="environment variable not set",
        ),
        pytest.param(
            '[defaults.eks]\nregion = "x"\n' + ACCOUNT,
            "DIR/config.toml: defaults.eks.region: unknown key 'region' (did you mean 'regions'? allowed: role_arn, "
            "external_id, session_name, profile, regions, clusters, exclude_clusters)",
            id="unknown default",
        ),
        pytest.param(
            "[defaults]\neks = 1\n", "DIR/config.toml: defaults.eks: must be a table (write [defaults.eks])", id="d"
        ),
        pytest.param(
            "include = 3\n", "DIR/config.toml: include: must be a list of paths or patterns", id="include type"
        ),
        pytest.param(
            'include = ["none/*.toml"]\n',
            "DIR/config.toml: include[0]: no file matches 'none/*.toml' (paths are relative to DIR)",
            id="include that finds nothing",
        ),
        pytest.param(
            "[scan\n",
            "DIR/config.toml: is not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 6)",
            id="broken TOML",
        ),
    ],
)
def test_a_mistake_is_named_with_file_key_path_and_what_is_allowed(tmp_path: Path, text: str, message: str) -> None:
    assert _refusal(tmp_path, text) == message


def test_an_unknown_provider_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    said = _refusal(tmp_path, '[[account]]\nname = "a"\nprovider = "esk"\n')
    assert said.startswith("DIR/config.toml: account[0].provider: there is no provider 'esk' (there are aks, eks")
    said = _refusal(tmp_path, "[defaults.esk]\n" + ACCOUNT)
    assert said.startswith("DIR/config.toml: defaults.esk: there is no provider 'esk' (there are aks, eks")


def test_a_duplicate_across_files_names_both(tmp_path: Path) -> None:
    _write(tmp_path, ACCOUNT, "more.toml")
    assert _refusal(tmp_path, 'include = ["more.toml"]\n' + ACCOUNT) == (
        "DIR/more.toml: account: duplicate account 'prod': it stands in DIR/config.toml already "
        "(each account needs a name of its own)"
    )


def test_an_included_file_holds_accounts_only(tmp_path: Path) -> None:
    _write(tmp_path, "[scan]\nconcurrency = 1\n", "more.toml")
    said = _refusal(tmp_path, 'include = ["more.toml"]\n')
    assert said == "DIR/more.toml: scan: unknown key 'scan' (allowed: account, organization)"


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (".", "'.' names no file (write a path or a pattern)"),
        ("", "'' names no file (write a path or a pattern)"),
        ("/", "'/' names no file (write a path or a pattern)"),
        ("*.toml", "'*.toml' matches this file itself (name a folder of their own, such as accounts.d/*.toml)"),
        ("**x", "'**x' is no pattern: Invalid pattern: '**' can only be an entire path component"),
    ],
)
def test_an_include_that_makes_no_sense_is_named(tmp_path: Path, pattern: str, message: str) -> None:
    assert _refusal(tmp_path, f'include = ["{pattern}"]\n') == f"DIR/config.toml: include[0]: {message}"


def test_an_included_file_includes_no_others(tmp_path: Path) -> None:
    _write(tmp_path, 'include = ["other.toml"]\n', "more.toml")
    assert _refusal(tmp_path, 'include = ["more.toml"]\n') == (
        "DIR/more.toml: include: an included file includes others (only DIR/config.toml may include others)"
    )


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="/dev/zero: is larger than 16 MiB"):
        load_config(Path("/dev/zero"), _options, {})


def test_an_empty_list_says_how_many_are_needed(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "[output]\nformats = []\n") == (
        "DIR/config.toml: output.formats: must name at least 1, not []"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('exclude_subscriptions = "sandbox"', 'exclude_subscriptions: must be a list, not "sandbox"'),
        ('endpoints = "arm.example.com"', 'endpoints: must be a table, not "arm.example.com"'),
        ("clusters = []", "clusters: must name at least 1, not []"),
        ('exclude_clusters = ["test", ""]', "exclude_clusters[1]: must not be empty"),
        (
            'exclude_subscriptions = ["*"]',
            "exclude_subscriptions: holds '*', which leaves out everything, so that nothing would be read",
        ),
        (
            'management_group = "/providers/x"',
            (
                "management_group: is '/providers/x', which is no id of a management group: its name alone is expected,"
                " up to 90 letters, digits and _().-"
            ),
        ),
    ],
)
def test_what_is_of_another_shape_is_told_in_the_words_of_a_configuration(
    tmp_path: Path, keys: str, message: str
) -> None:
    scope = "" if "management_group" in keys else "tenant = true\n"
    text = f'[[account]]\nname = "a"\nprovider = "aks"\n{scope}{keys}\n'
    assert _refusal(tmp_path, text) == f"DIR/config.toml: account[0].{message}"


def test_a_list_that_is_too_long_says_how_many_it_may_have(tmp_path: Path) -> None:
    many = ", ".join(f'"project-{number}"' for number in range(10_001))
    said = _refusal(tmp_path, f'[[account]]\nname = "a"\nprovider = "gke"\nprojects = [{many}]\n')
    assert said.startswith("DIR/config.toml: account[0].projects: must name at most 10000, not [")


def test_a_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.toml", _options, {})
    assert str(caught.value) == (
        f"{tmp_path}/none.toml: cannot be read: No such file or directory "
        "(`k8s-audit-coverage config example` prints a starting file)"
    )


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(byte 8\)"):
        load_config(path, _options, {})


def test_external_id_without_a_role_is_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, ACCOUNT + 'external_id = "abc"\n')
    assert said.startswith("DIR/config.toml: account[0]: role_arn is missing")


class Corp(OrganizationOptions):
    """The keys of an organisation as a provider may have them."""

    management_account: str
    regions: list[str] = Field(default=[])


def test_an_organization_is_read_by_its_providers_model_and_inherits_what_it_has_too(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        '[defaults.eks]\nregions = ["eu-west-1"]\nexternal_id = "audit"\n'
        '[[organization]]\nname = "corp"\nprovider = "eks"\nmanagement_account = "111122223333"\n',
    )
    config = load_config(path, _options, organization_for=lambda _: Corp)
    (organization,) = config.organizations
    assert (organization.name, organization.provider, organization.file) == ("corp", "eks", path)
    assert organization.options == Corp(management_account="111122223333", regions=["eu-west-1"])
    assert config.accounts == ()
    path.write_text(path.read_text().replace("111122223333", "444455556666"))
    other = load_config(path, _options, organization_for=lambda _: Corp)
    assert other.digest != config.digest


def test_a_default_may_be_a_key_of_organizations_only_and_passes_the_accounts_by(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        '[defaults.eks]\nmanagement_account = "111122223333"\nprofile = "hub"\n'
        + ACCOUNT
        + '[[organization]]\nname = "corp"\nprovider = "eks"\n',
    )
    config = load_config(path, _options, organization_for=lambda _: Corp)
    assert config.organizations[0].options == Corp(management_account="111122223333")
    assert config.accounts[0].options.model_dump()["profile"] == "hub"
    path.write_text(path.read_text().replace("management_account", "managment_account"))
    with pytest.raises(ConfigError, match="did you mean 'management_account'"):
        load_config(path, _options, organization_for=lambda _: Corp)


def test_an_organization_and_an_account_have_names_of_their_own(tmp_path: Path) -> None:
    path = _write(
        tmp_path, ACCOUNT + '[[organization]]\nname = "prod"\nprovider = "eks"\nmanagement_account = "111122223333"\n'
    )
    with pytest.raises(ConfigError, match="duplicate account 'prod': it stands there twice"):
        load_config(path, _options, organization_for=lambda _: Corp)


def test_a_provider_that_finds_no_accounts_has_no_organizations(tmp_path: Path) -> None:
    path = _write(tmp_path, '[[organization]]\nname = "corp"\nprovider = "self_managed"\n')
    for attempt in (partial(load_config, path, _options), partial(read, path)):
        with pytest.raises(ConfigError) as refusal:
            attempt()
        assert refusal.value.what == "the provider 'self_managed' finds no accounts by itself"
        assert refusal.value.where.endswith("organization[0].provider")
        assert "them as [[account]] tables" in refusal.value.hint
