"""Importing large libraries."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading(module: str) -> Iterator[None]:
    """Hold back the garbage collector while a module is imported with all that it needs; where it is there, nothing.

    What modules define stays for as long as the process. The collector would go through it again and again while it
    grows, which takes a cloud's library up to a third as long again, and later at each of its full rounds.
    """
    if module in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
