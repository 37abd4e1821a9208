"""What a YAML scalar means to kube-apiserver."""

from __future__ import annotations

import math

import pytest

from scanner.audit_policy.scalars import Scalar, resolve

TAG = "tag:yaml.org,2002:"


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("", "y", True),
        ("", "OFF", False),
        ("", "~", None),
        ("", "", None),
        ("", "nULL", "nULL"),
        ("", "12", 12),
        ("", "-1_000", -1000),
        ("", "0o17", 15),
        ("", "017", 15),
        ("", "-0x1F", -31),
        ("", "0b11", 3),
        ("", "0o8", "0o8"),
        ("", "08", 8.0),
        ("", "1e3", 1000.0),
        ("", "1e400", "1e400"),
        ("", ".5", 0.5),
        ("", ".5_0", ".5_0"),
        ("", "-.inf", -math.inf),
        ("", "1:30", "1:30"),
        ("", "2024-01-01", "2024-01-01"),
        ("", "=", "="),
        (TAG + "str", "12", "12"),
        (TAG + "int", "12", 12),
        (TAG + "float", "3", 3.0),
        (TAG + "float", "3.5", 3.5),
        (TAG + "bool", "yes", True),
        (TAG + "null", "", None),
        (TAG + "timestamp", "2024-1-2", "2024-1-2"),
        (TAG + "timestamp", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        (TAG + "binary", "aGk=", "hi"),
        (TAG + "binary", "aG\nk=", "hi"),
        ("!mine", "12", "12"),
    ],
)
def test_resolution(tag: str, text: str, value: Scalar) -> None:
    found = resolve(tag, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("tag", "text", "message"),
    [
        ("int", "x", "cannot decode !!str `x` as a !!int"),
        ("bool", "1", "cannot decode !!int `1` as a !!bool"),
        ("float", "9223372036854775808", "cannot decode !!int `9223372036854775808` as a !!float"),
        ("timestamp", "soon", "cannot decode !!str `soon` as a !!timestamp"),
        ("binary", "%", "!!binary value contains invalid base64 data"),
    ],
)
def test_a_tag_that_does_not_fit_is_an_error(tag: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("!", r"\!")) as caught:
        resolve(TAG + tag, text)
    assert str(caught.value) == message
