"""The least permissions that reading projects needs: a custom role, or the predefined ones that hold them."""

from __future__ import annotations

from typing import Final

VARIANTS: Final = ("", "predefined")

_ROLE: Final = """\
# gcloud iam roles create k8sAuditCoverage --project=PROJECT --file=role.yaml
# (for folders and organisations: --organization=ORGANIZATION; then grant it there)
title: k8s-audit-coverage
description: Reads clusters, audit configurations, log sinks and log buckets; no log entries, no data.
stage: GA
includedPermissions:
# clusters
- container.clusters.list
# whether Data Access audit logs are switched on, here or above
- resourcemanager.projects.get
- resourcemanager.projects.getIamPolicy
# where their entries go, and for how long they are kept
- logging.sinks.list
- logging.buckets.list
- logging.buckets.get
# only with [rule] observe = true: whether entries were written of late
# - logging.logEntries.list
# - logging.privateLogEntries.list
# only with quota_project, in that project
# - serviceusage.services.use
# only in a role of an organisation: what is above the projects, and which projects there are
- resourcemanager.projects.list
- resourcemanager.folders.get
- resourcemanager.folders.getIamPolicy
- resourcemanager.folders.list
- resourcemanager.organizations.getIamPolicy
# only for [[organization]] with its inventory: which projects have clusters, their log sinks and IAM policies
- cloudasset.assets.listResource
- cloudasset.assets.listIamPolicy
"""

_PREDEFINED: Final = """\
roles/container.clusterViewer  clusters
roles/iam.securityReviewer     IAM policies with their audit configurations, on projects, folders and the organisation
roles/logging.viewer           log sinks and log buckets, here and in the projects that sinks route entries to
                               (it reads log entries as well, which [rule] observe = true alone needs)
roles/browser                  projects, and the folders and projects below a folder or organisation
roles/cloudasset.viewer        only for [[organization]] with its inventory, on the folder or organisation
roles/logging.privateLogViewer only with [rule] observe = true: Data Access entries
"""


def permissions(variant: str) -> str:
    """Give the permissions in one of the `VARIANTS`.

    Source: Google Cloud, IAM permissions reference for Kubernetes Engine, Resource Manager and Cloud Logging.
    """
    return _PREDEFINED if variant == "predefined" else _ROLE
