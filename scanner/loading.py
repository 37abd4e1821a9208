"""Importing large libraries."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading(module: str, *, without: tuple[str, ...] = ()) -> Iterator[None]:
    """Import a module with all that it needs as fast as can be; where it is there already, nothing is changed.

    What modules define stays for as long as the process. The garbage collector would go through it again and again
    while it grows, which takes a cloud's library up to a third as long again, and later at each of its full rounds. So
    it waits.

    Args:
        module: Its full name.
        without: Modules that a library uses where they are installed, in ways in which nobody uses it here. They seem
            not to be installed meanwhile, unless they have been imported before.
    """
    if module in sys.modules:
        yield
        return
    hidden = [name for name in without if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None: importing it fails (Python's reference)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
        if was_enabled:
            gc.enable()
            gc.freeze()
