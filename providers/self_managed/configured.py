"""kubeadm's configuration beside the static pods that it wrote: one cluster, and no node of its own."""

from __future__ import annotations

from pathlib import PurePosixPath

from providers.self_managed.composition import Composition, Described
from providers.self_managed.drift import drift
from providers.self_managed.formats import kubeadm, static_pod
from scanner.model import Evidence, Note, NoteSeverity


def set_aside(composition: Composition) -> None:
    """Take kubeadm's configurations out of the nodes where static pods of the same cluster are read.

    What the pods run with counts; where the next upgrade would change it is a warning, as for a live cluster.
    """
    described = [one for one in composition.servers if isinstance(one, Described)]
    pods = [one for one in described if one.title == static_pod.FORMAT.title]
    for one in described:
        running = [pod for pod in pods if one.title == kubeadm.FORMAT.title and _may_belong_together(one, pod)]
        if running:
            composition.servers = [other for other in composition.servers if other is not one]
            composition.notes += [_note(one), *drift(running, one)]


def _may_belong_together(configuration: Described, pod: Described) -> bool:
    """Say whether two files are of one cluster: somebody named one, or they lie on one host or one below the other."""
    if not (configuration.searched and pod.searched):
        return True
    if configuration.host.root is not None and configuration.host.root == pod.host.root:
        return True
    own, other = (PurePosixPath(one.source.file).parent for one in (configuration, pod))
    return own.is_relative_to(other) or other.is_relative_to(own)


def _note(configuration: Described) -> Note:
    source = configuration.source
    text = f"{source.file} is not counted as a node: the static pods that kubeadm writes from it are read themselves"
    return Note(NoteSeverity.INFO, text, (Evidence(source.file, source.locator, configuration.title),))
