"""Puts boxes of requests into words: the smallest description that a person understands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from scanner.assessment.policy_judge import PolicyJudge, Region
from scanner.audit_policy.boxes import PATH_DIMENSIONS, Axes, Axis, Box
from scanner.audit_policy.classes import Values

_VERB_ORDER: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_LONGEST_LIST: Final = 6
_MOST_THINGS: Final = 5

_Rest = tuple[Box, ...]


def join(words: Sequence[str]) -> str:
    """Join words as a person does: ``a, b and c``."""
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1] if words else ""


def phrases(judge: PolicyJudge, region: Region, noun: str) -> list[str]:
    """Describe the missing part of a class, verbs with the same part together.

    Args:
        judge: Whose dimensions the boxes are in.
        region: What is missing of the class, and what is not.
        noun: What the class's resources or paths are called together.
    """
    if region.is_cut:
        return [f"parts of {noun}, too many to list"]
    verbs = judge.axes.by_name["verbs"]
    by_rest: dict[tuple[_Rest, _Rest], list[str]] = {}
    for verb in sorted(verbs.names, key=_verb_rank):
        bit = verbs.mask(Values.only(verb))
        rest = _with_verb(region.missing, bit)
        if rest:
            by_rest.setdefault((rest, _with_verb(region.kept, bit)), []).append(verb)
    bounds = region.bounds[1:]
    if len(region.bounds) == len(PATH_DIMENSIONS):
        return [
            _of_methods(methods, noun, _paths(judge, noun, rest, kept)) for (rest, kept), methods in by_rest.items()
        ]
    return [
        f"{join(named)} of {_resources(judge.axes, bounds, noun, rest, kept)}"
        for (rest, kept), named in by_rest.items()
    ]


def _verb_rank(verb: str) -> tuple[int, str]:
    """Order verbs as people list them, unknown ones last."""
    return (_VERB_ORDER.index(verb) if verb in _VERB_ORDER else len(_VERB_ORDER)), verb


def _with_verb(boxes: Sequence[Box], bit: int) -> _Rest:
    """Give what the boxes hold for one verb."""
    return tuple(sorted({box[1:] for box in boxes if box[0] & bit}))


def _of_methods(methods: list[str], noun: str, paths: str) -> str:
    """Name the HTTP methods, unless GET is one of them: that is what paths are for."""
    if "get" in methods:
        return f"discovery paths and all other {noun}" if paths == noun else paths
    return f"{join([method.upper() for method in methods])} of {paths}"


def _paths(judge: PolicyJudge, noun: str, missing: _Rest, kept: _Rest) -> str:
    """Describe a set of paths."""
    axis = judge.axes.by_name["paths"]
    if not kept:
        return noun
    found = _union(missing)
    discovery = axis.mask(judge.knowledge.discovery)
    if found == discovery:
        return "discovery paths"
    values = axis.values(found)
    if values.inverted:
        return f"{noun} but {_listed(_patterns(axis.values(_union(kept) & ~found)))}"
    patterns = _patterns(values)
    is_discovery = all(axis.mask(Values.only(pattern)) & discovery for pattern in patterns)
    return f"{'discovery ' if is_discovery else ''}paths {_listed(patterns)}"


def _patterns(values: Values) -> list[str]:
    """Give the patterns of a set of paths, those left out that lie in another one of it."""
    names = sorted(values.names)
    return [name for name in names if not any(_within(name, other) for other in names)]


def _within(name: str, other: str) -> bool:
    """Tell whether a pattern lies in another one."""
    return name != other and other.endswith("*") and name.startswith(other.rstrip("*"))


def _union(boxes: _Rest) -> int:
    """Unite boxes of one dimension."""
    mask = 0
    for (one,) in boxes:
        mask |= one
    return mask


def _resources(axes: Axes, bounds: Box, noun: str, missing: _Rest, kept: _Rest) -> str:
    """Describe sets of resources: by what is missing, or by what is not where that is less."""
    if not kept:
        return noun
    if _is_universal(missing, bounds) and not _is_universal(kept, bounds):
        return f"{noun} but {_things(axes, bounds, noun, kept)}"
    return _things(axes, bounds, noun, missing)


def _is_universal(boxes: _Rest, bounds: Box) -> bool:
    """Tell whether a box holds resources that nobody names, without any further restriction."""
    return any(box[0] & box[1] & 1 and box[2:] == bounds[2:] for box in boxes)


def _things(axes: Axes, bounds: Box, noun: str, boxes: _Rest) -> str:
    """List what several boxes hold."""
    words: dict[str, None] = {}
    for box in sorted(boxes, key=_names_resources):
        words.update(dict.fromkeys(_thing(axes, bounds, noun, box)))
    named = list(words)
    return (
        join(named)
        if len(named) <= _MOST_THINGS + 1
        else f"{', '.join(named[:_MOST_THINGS])} and {len(named) - _MOST_THINGS} more"
    )


def _names_resources(box: Box) -> bool:
    """Put the boxes that hold resources that nobody names first: they are the larger part."""
    return not box[1] & 1


def _thing(axes: Axes, bounds: Box, noun: str, box: Box) -> list[str]:
    """Name what one box holds."""
    groups, resources, subresources, namespaces, names = box
    where = _where(axes, bounds, namespaces, names)
    named = _named(axes.by_name["resources"], resources)
    if named is None or len(named) > _LONGEST_LIST:
        what = [_unnamed(axes, bounds, noun, groups, resources, subresources)]
    else:
        suffix = _group_suffix(axes.by_name["api_groups"], bounds[0], groups)
        what = [
            text.replace("\0", suffix)
            for resource in named
            for text in _with_subresources(axes.by_name["subresources"], bounds[2], resource, subresources)
        ]
    return [text + where for text in what]


def _with_subresources(axis: Axis, bound: int, resource: str, mask: int) -> list[str]:
    """Name a resource together with its subresources; a NUL marks where the API group belongs."""
    named = _named(axis, mask)
    if named is not None:
        return [f"{resource}/{name}\0" if name else f"{resource}\0" for name in named]
    if mask == bound:
        return [f"{resource}\0 with all subresources"]
    left_out = _named(axis, axis.all & ~mask) or []
    if "" in left_out:
        rest = [name for name in left_out if name]
        return [f"subresources of {resource}\0" + (f" (not {join(rest)})" if rest else "")]
    return [f"{resource}\0 (not {join([f'{resource}/{name}' for name in left_out])})"]


def _unnamed(axes: Axes, bounds: Box, noun: str, groups: int, resources: int, subresources: int) -> str:
    """Name a box that holds all resources, or all but some."""
    text = noun
    if groups != bounds[0]:
        text = _groups_text(axes.by_name["api_groups"], groups)
    left_out = axes.by_name["resources"].all & ~resources
    if subresources != bounds[2]:
        named = _named(axes.by_name["subresources"], subresources)
        if named is None:
            text = f"subresources of {text}"
        else:
            kinds = join([f"*/{name}" if name else "plain resources" for name in named])
            text = kinds if groups == bounds[0] else f"{kinds} of {text}"
    if left_out:
        text += f" but {_listed(_named(axes.by_name['resources'], left_out) or ['some'])}"
    return text


def _groups_text(axis: Axis, mask: int) -> str:
    """Name API groups."""
    named = _named(axis, mask)
    if named is not None:
        return _api_groups(named)
    return f"all API groups but {_api_groups(_named(axis, axis.all & ~mask) or [], bare=True)}"


def _api_groups(names: Sequence[str], *, bare: bool = False) -> str:
    """List API groups; the one without a name is the core group."""
    words = _listed([name or "core" for name in names])
    return words if bare else f"the API group{'s' if len(names) > 1 else ''} {words}"


def _group_suffix(axis: Axis, bound: int, mask: int) -> str:
    """Write the API group behind a resource as kubectl does; the core group and "all" need none."""
    named = _named(axis, mask)
    if mask == bound or named == [""]:
        return ""
    if named is not None and len(named) == 1:
        return f".{named[0]}"
    return f" of {_groups_text(axis, mask)}"


def _where(axes: Axes, bounds: Box, namespaces: int, names: int) -> str:
    """Name the namespaces and object names that a box is restricted to."""
    text = ""
    if namespaces != bounds[3]:
        text += _in_namespaces(axes.by_name["namespaces"], namespaces)
    if names != bounds[4]:
        named = _named(axes.by_name["names"], names)
        others = _named(axes.by_name["names"], axes.by_name["names"].all & ~names)
        text += f" named {_names(named)}" if named is not None else f" not named {_names(others or [])}"
    return text


def _in_namespaces(axis: Axis, mask: int) -> str:
    """Name some namespaces, or all but some; what has no namespace is called cluster-wide."""
    named = _named(axis, mask)
    if mask == axis.mask(Values.all_but("")):
        return " in any namespace"
    lead, values = (" in", named) if named is not None else (" outside", _named(axis, axis.all & ~mask) or [])
    spaces = [value for value in values if value]
    parts = [f"namespace{'s' if len(spaces) > 1 else ''} {_listed(spaces)}"] if spaces else []
    if "" in values:
        parts.append("cluster-wide requests")
    return f"{lead} {join(parts)}"


def _names(values: Sequence[str]) -> str:
    """List object names; a request that names no object has an empty one."""
    return _listed([value or '""' for value in values])


def _named(axis: Axis, mask: int) -> list[str] | None:
    """Give the names of a finite set, None for one without end."""
    values = axis.values(mask)
    return None if values.inverted else sorted(values.names)


def _listed(words: Iterable[str]) -> str:
    """List words, the end of a long list as a number."""
    named = list(words)
    if len(named) <= _LONGEST_LIST + 1:
        return join(named)
    return f"{', '.join(named[:_LONGEST_LIST])} and {len(named) - _LONGEST_LIST} more"
