"""Takes values out of JSON without trusting its shape: what is absent is None, what has another type is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(node: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give an object; an empty one where it is absent or null.

    Raises:
        TypeError: Something else stands there.
    """
    value = node.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(_wrong(key, "object", value))
    return value


def body_of(node: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Give an object that must be there: half an answer would read as one that says nothing.

    Raises:
        TypeError: It is absent, null, or something else stands there.
    """
    if node.get(key) is None:
        raise TypeError(f"{key} is missing")
    return mapping(node, key)


def objects(node: Mapping[str, Any], key: str) -> tuple[Mapping[str, Any], ...]:
    """Give a list of objects; an empty one where it is absent or null.

    Raises:
        TypeError: Something else stands there, or within it.
    """
    value = node.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise TypeError(_wrong(key, "list of objects", value))
    return tuple(value)


def texts(node: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Give a list of texts; an empty one where it is absent or null.

    Raises:
        TypeError: Something else stands there, or within it.
    """
    value = node.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(_wrong(key, "list of texts", value))
    return tuple(value)


def text(node: Mapping[str, Any], key: str) -> str:
    """Give a text; empty where it is absent or null.

    Raises:
        TypeError: Something else stands there.
    """
    value = node.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(_wrong(key, "text", value))
    return value


def name_of(node: Mapping[str, Any], key: str) -> str:
    """Give a text that must be there.

    Raises:
        TypeError: It is absent, empty, or something else stands there.
    """
    value = text(node, key)
    if not value:
        raise TypeError(f"{key} is missing")
    return value


def switch(node: Mapping[str, Any], key: str) -> bool | None:
    """Give a Boolean; None where it is absent or null.

    Raises:
        TypeError: Something else stands there.
    """
    value = node.get(key)
    if value is not None and not isinstance(value, bool):
        raise TypeError(_wrong(key, "Boolean", value))
    return value


def number(node: Mapping[str, Any], key: str) -> float | None:
    """Give a number; None where it is absent or null.

    Raises:
        TypeError: Something else stands there.
    """
    value = node.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(_wrong(key, "number", value))
    return value


def _wrong(key: str, wanted: str, value: object) -> str:
    """Say what stands where something else was expected."""
    return f"{key} is no {wanted} but {type(value).__name__}"
