"""What people call the things of the model."""

from __future__ import annotations

from typing import Final

from scanner.model import AccountStatus, Capability, Link, LinkState, RequestCategory, Status

CATEGORIES: Final = {
    RequestCategory.AUTHENTICATION: "Authentication attempts",
    RequestCategory.API_CALLS: "API calls",
    RequestCategory.RBAC_DENIALS: "RBAC denials",
}

CAPABILITIES: Final = {
    Capability.SECRET_READS: "Secret reads",
    Capability.POD_CREATION: "Pod creation",
    Capability.POD_EXEC: "Pod exec",
    Capability.RBAC_CHANGES: "RBAC changes",
    Capability.TOKEN_REQUESTS: "Token requests",
    Capability.DELETECOLLECTION: "Deletion of whole collections",
    Capability.IMPERSONATION: "Requests under another identity",
    Capability.DISCOVERY: "Discovery",
}

LINKS: Final = {
    Link.GENERATED: "Generated",
    Link.EXPORTED: "Exported",
    Link.DELIVERED: "Delivered",
    Link.RETAINED: "Retained",
    Link.OBSERVED: "Observed",
}

QUESTIONS: Final = {
    Link.GENERATED: "Does the audit policy make an event?",
    Link.EXPORTED: "Is the log that carries it switched on?",
    Link.DELIVERED: "Does it reach a store?",
    Link.RETAINED: "Is it kept long enough?",
    Link.OBSERVED: "Was one really seen in the store?",
}

STATE_CLASSES: Final = {
    LinkState.OK: "o",
    LinkState.GAP: "g",
    LinkState.UNKNOWN: "u",
    LinkState.NOT_APPLICABLE: "n",
}

STATUSES: Final = {
    Status.FAIL: "a gap",
    Status.UNKNOWN: "could not be told",
    Status.PASS: "covered",
    Status.SKIP: "no clusters",
}

COMPLETENESS: Final = {
    AccountStatus.COMPLETE: "read in full",
    AccountStatus.PARTIAL: "read in part",
    AccountStatus.FAILED: "not read",
}
