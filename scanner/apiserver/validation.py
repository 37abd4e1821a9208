"""The checks with which kube-apiserver refuses flags before it starts, in its own words.

Source: the ``Validate`` methods of ``k8s.io/apiserver/pkg/server/options/audit.go`` and
``k8s.io/kubernetes/pkg/kubeapiserver/options/authorization.go``, v1.34 to v1.36.
"""

from __future__ import annotations

from typing import Final

from scanner.apiserver.arguments import Flags, Setting
from scanner.apiserver.values import check_duration, read_boolean, read_integer, read_number, read_text
from scanner.errors import FlagError

AUTHORIZATION_MODES: Final = ("AlwaysAllow", "AlwaysDeny", "ABAC", "Webhook", "RBAC", "Node")
_MODES: Final = ("batch", "blocking", "blocking-strict")
_FORMATS: Final = ("legacy", "json")
_GROUP_VERSIONS: Final = ("audit.k8s.io/v1",)
_GROUP_VERSIONS_BEFORE_1_24: Final = ("audit.k8s.io/v1alpha1", "audit.k8s.io/v1beta1", "audit.k8s.io/v1")
_ONLY_V1_SINCE: Final = 24


def check_log(flags: Flags, minor: int | None) -> None:
    """Refuse what kube-apiserver refuses about its audit log; limits count only where a path is set."""
    _check_types(flags, "log")
    limits = {name: read_integer(flags, f"audit-log-{name}") for name in ("maxage", "maxbackup", "maxsize")}
    read_boolean(flags, "audit-log-compress", default=False)
    if read_text(flags, "audit-log-path") is None:
        return
    _check_backend(flags, "log", minor)
    _check_choice(flags, "audit-log-format", _FORMATS, 'invalid audit log format {}, allowed formats are "{}"')
    for name, value in limits.items():
        if value is not None and value < 0:
            _refuse(flags, f"audit-log-{name}", f"--audit-log-{name} {value} can't be a negative number")


def check_webhook(flags: Flags, minor: int | None) -> None:
    """Refuse what kube-apiserver refuses about its audit webhook."""
    _check_types(flags, "webhook")
    check_duration(flags, "audit-webhook-initial-backoff")
    if read_text(flags, "audit-webhook-config-file") is not None:
        _check_backend(flags, "webhook", minor)


def check_authorization(flags: Flags, modes: tuple[str, ...]) -> None:
    """Refuse unknown and repeated authorization modes, and modes whose file is missing."""
    flag = "authorization-mode"
    for mode in modes:
        if mode not in AUTHORIZATION_MODES:
            _refuse(flags, flag, f'authorization-mode "{mode}" is not a valid mode')
        if modes.count(mode) > 1:
            _refuse(flags, flag, f'authorization-mode "{mode}" has mode specified more than once')
    if "ABAC" in modes and read_text(flags, "authorization-policy-file") is None:
        _refuse(flags, flag, "authorization-mode ABAC's authorization policy file not passed")
    if "Webhook" in modes and read_text(flags, "authorization-webhook-config-file") is None:
        _refuse(flags, flag, "authorization-mode Webhook's authorization config file not passed")


def _check_types(flags: Flags, backend: str) -> None:
    """Refuse values of the wrong type, as pflag does whether or not the backend is on."""
    for name in ("batch-buffer-size", "batch-max-size", "batch-throttle-burst"):
        read_integer(flags, f"audit-{backend}-{name}")
    for name in ("truncate-max-batch-size", "truncate-max-event-size"):
        read_integer(flags, f"audit-{backend}-{name}")
    read_number(flags, f"audit-{backend}-batch-throttle-qps")
    read_boolean(flags, f"audit-{backend}-batch-throttle-enable", default=False)
    read_boolean(flags, f"audit-{backend}-truncate-enabled", default=False)
    check_duration(flags, f"audit-{backend}-batch-max-wait")


def _check_backend(flags: Flags, backend: str, minor: int | None) -> None:
    """Refuse a bad mode, bad batch and truncate limits, and a version that is not served any more."""
    _check_choice(
        flags, f"audit-{backend}-mode", _MODES, f'invalid audit {backend} mode {{}}, allowed modes are "{{}}"'
    )
    mode = flags.last(f"audit-{backend}-mode")
    if (mode.value if mode else {"log": "blocking", "webhook": "batch"}[backend]) == "batch":
        _check_batch(flags, backend)
    _check_truncate(flags, backend)  # kube-apiserver checks these limits even where truncating is off
    version = flags.last(f"audit-{backend}-version")
    served = _GROUP_VERSIONS_BEFORE_1_24 if minor is not None and minor < _ONLY_V1_SINCE else _GROUP_VERSIONS
    if version is not None and not version.unread and version.value not in served:
        quoted = " ".join(f'"{name}"' for name in served)
        message = f"invalid group version, allowed versions are [{quoted}]"
        raise FlagError(message, where=version.place)


def _check_batch(flags: Flags, backend: str) -> None:
    names = {"batch-buffer-size": "buffer size", "batch-max-size": "max batch size"}
    if read_boolean(flags, f"audit-{backend}-batch-throttle-enable", default=backend == "webhook"):
        names |= {"batch-throttle-qps": "throttle QPS", "batch-throttle-burst": "throttle burst"}
    for name, words in names.items():
        flag = f"audit-{backend}-{name}"
        value = read_number(flags, flag) if name.endswith("qps") else read_integer(flags, flag)
        if value is not None and value <= 0:
            _refuse(flags, flag, f"invalid audit batch {backend} {words} {value:g}, must be a positive number")


def _check_truncate(flags: Flags, backend: str) -> None:
    event_flag, batch_flag = (f"audit-{backend}-truncate-max-{what}-size" for what in ("event", "batch"))
    event = read_integer(flags, event_flag)
    batch = read_integer(flags, batch_flag)
    event = 100 * 1024 if event is None else event
    batch = 10 * 1024 * 1024 if batch is None else batch
    if event <= 0:
        message = f"invalid audit truncate {backend} max event size {event}, must be a positive number"
        _refuse(flags, event_flag, message)
    if batch < event:
        message = (
            f"invalid audit truncate {backend} max batch size {batch}, must be greater than max event size ({event})"
        )
        _refuse(flags, batch_flag, message)


def _check_choice(flags: Flags, flag: str, allowed: tuple[str, ...], message: str) -> None:
    setting = flags.last(flag)
    if setting is not None and not setting.unread and setting.value not in allowed:
        raise FlagError(message.format(setting.value, ",".join(allowed)), where=setting.place)


def _refuse(flags: Flags, flag: str, message: str) -> None:
    """Raise the refusal, naming the place of the flag where it stands anywhere."""
    setting: Setting | None = flags.last(flag)
    raise FlagError(message, where=setting.place if setting else "")
