"""What an object store answered, in plain words: its clients wrap that in their own URLs and debugging."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_AWS: Final = "AWS_REGION and AWS_ENDPOINT_URL_S3"


class Said(NamedTuple):
    """What went wrong, and what to do about it where that is known."""

    what: str
    hint: str = ""


# By the code that the answer's body holds: S3 and Google's XML interface have one for it, Azure another.
_MISSING: Final = {
    "NoSuchBucket": Said("there is no such bucket", f"make it first, or check its name (and for S3 {_AWS})"),
    "ContainerNotFound": Said(
        "there is no such container", "make it first, or check its name and AZURE_STORAGE_ACCOUNT_NAME"
    ),
}
# By words of the client, where nothing was answered that has a code.
_CLIENT: Final = {
    "Account must be specified": Said("no storage account is named", "set AZURE_STORAGE_ACCOUNT_NAME to its name"),
    "builder error": Said("its address has no TLS, which is refused", "set AWS_ALLOW_HTTP=true where that is meant"),
    "redirect without LOCATION": Said("the bucket is in another region", "set AWS_REGION to the bucket's"),
}


def said(error: Exception) -> Said:
    """Give what the store said, or else the first line of what its client says, without what may be secret."""
    text = str(error).partition("\nDebug source:")[0].strip()
    code = _element("Code", text)
    if code in _MISSING:
        return _MISSING[code]
    if code:
        message = (_element("Message", text).splitlines() or [""])[0].strip()
        return Said(f"{shown(message)} ({code})".lstrip())
    for words, meaning in _CLIENT.items():
        if words in text:
            return meaning
    return Said(shown((text.splitlines() or [type(error).__name__])[0]))


def shown(text: str) -> str:
    """Take out of the URLs in a text what may be secret: user and password, and queries, which may be signed."""
    return re.sub(r"\?\S+", "?…", re.sub(r"://[^\s/?#]*@", "://…@", text))


def _element(name: str, text: str) -> str:
    """Give the text of an element of the XML in an answer's body; empty where there is none."""
    match = re.search(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
    return match[1] if match else ""
