"""Every error the product raises on purpose.

The tree::

    AuditCoverageError            what failed, where, and what to do about it
    ├── UsageError                the command line asks for something that cannot be done      (exit 2)
    ├── ConfigError               the configuration cannot be used; nothing was scanned        (exit 2)
    ├── PolicyError               kube-apiserver would refuse this audit policy
    │   └── PolicyLimitError      it is larger or deeper than is read here; kube-apiserver may well take it
    ├── RequestError              kube-apiserver would refuse this request before authentication
    ├── FlagError                 kube-apiserver would refuse these flags and not start
    ├── ReportError               a report could not be written
    ├── JournalError              a journal or partial report cannot be used              (exit 2)
    └── CollectionError           a provider could not read something it needs
        ├── PermissionDenied      a permission is missing; `permission` names it
        ├── CredentialsError      no credentials, or ones that are not accepted
        ├── NotFound              what was asked for is not there
        ├── Throttled             the API kept throttling past the last retry
        ├── Unreachable           no connection, or a reset
        │   └── TimedOut          no answer in the time that a call may take
        └── Malformed             an answer or file that cannot be understood

Anything else that is raised is a bug of ours (exit 70).
"""

from __future__ import annotations


class AuditCoverageError(Exception):
    """Base of all expected errors.

    Attributes:
        what: What failed, a sentence without a full stop.
        where: The file, key path, API call or flag concerned; empty where `what` already says it.
        hint: What to do about it; empty where nothing can be advised.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        """Keep the parts apart so that each report can lay them out in its own way."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Give the one-line form: ``where: what (hint)``."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class UsageError(AuditCoverageError):
    """The command line asks for something that cannot be done."""


class ConfigError(AuditCoverageError):
    """The configuration cannot be used; nothing was scanned."""


class PolicyError(AuditCoverageError):
    """kube-apiserver would refuse this audit policy and not start.

    Attributes:
        line: The line of the file at which it would stop, beginning with 1; None where that is not known.
        column: The character of that line, beginning with 1; None where that is not known.
    """

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        """Keep the place apart so that it can be pointed at."""
        super().__init__(what, where=where, hint=hint)
        self.line = line
        self.column = column


class PolicyLimitError(PolicyError):
    """An audit policy is larger or deeper than is read here, or has more rules; kube-apiserver may well take it."""


class RequestError(AuditCoverageError):
    """kube-apiserver would refuse this request before it authenticates it."""


class FlagError(AuditCoverageError):
    """kube-apiserver would refuse these flags and not start."""


class ReportError(AuditCoverageError):
    """A report could not be written."""


class JournalError(AuditCoverageError):
    """A journal or a partial report cannot be used: it is in use, damaged, or of another scan."""


class CollectionError(AuditCoverageError):
    """A provider could not read something it needs.

    Attributes:
        permission: The missing permission in the cloud's own notation (``eks:DescribeCluster``), or empty.
        said: What the cloud said about it in its own words, where `what` does not repeat them; or empty.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "", permission: str = "", said: str = "") -> None:
        """Keep the permission apart so that reports can gather what to grant."""
        super().__init__(what, where=where, hint=hint)
        self.permission = permission
        self.said = said


class PermissionDenied(CollectionError):
    """A permission is missing; `permission` names it."""


class CredentialsError(CollectionError):
    """No credentials were found, or the ones found are not accepted."""


class NotFound(CollectionError):
    """What was asked for is not there."""


class Throttled(CollectionError):
    """The API kept throttling past the last retry.

    Attributes:
        retry_after: The seconds that the cloud asked to wait; None where it named none.
    """

    def __init__(  # noqa: D107 - as its base
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        permission: str = "",
        said: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint, permission=permission, said=said)
        self.retry_after = retry_after


class Unreachable(CollectionError):
    """No connection, a reset one, or no answer in time."""


class TimedOut(Unreachable):
    """No answer came within the time that a call may take."""


class Malformed(CollectionError):
    """An answer or a file that cannot be understood."""

    @classmethod
    def answer(cls, operation: str, where: str, why: str) -> Malformed:
        """Build the error for an API's answer that came but cannot be used; `why` is what is wrong with it."""
        return cls(
            f"the answer to {operation} cannot be understood: {why}",
            where=f"{operation} of {where}",
            hint="check for a proxy that answers in the API's place",
        )
