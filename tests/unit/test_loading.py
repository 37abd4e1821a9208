"""The garbage collector waits while a module is imported for the first time, and only then."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path

import pytest

from scanner.loading import loading


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that notes whether the collector may run."""
    name = "module_that_looks_at_the_collector"
    (tmp_path / f"{name}.py").write_text("import gc\nenabled = gc.isenabled()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_the_collector_waits_and_goes_on(module: str) -> None:
    gc.unfreeze()
    with loading(module):
        assert import_module(module).enabled is False
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
    with loading(module):
        assert gc.isenabled()  # it is there already
    assert gc.get_freeze_count() == 0


def test_the_collector_goes_on_after_an_import_that_fails() -> None:
    with pytest.raises(ModuleNotFoundError), loading("module_that_is_not_there"):
        import_module("module_that_is_not_there")
    assert gc.isenabled()


def test_a_collector_that_is_switched_off_stays_off(module: str) -> None:
    gc.disable()
    try:
        with loading(module):
            import_module(module)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_not_wanted_seems_not_to_be_there_and_is_afterwards(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one_that_is_optional", "one_that_is_imported"):
        (tmp_path / f"{name}.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
    imported = import_module("one_that_is_imported")
    with loading(module, without=("one_that_is_optional", "one_that_is_imported")):
        with pytest.raises(ModuleNotFoundError):
            import_module("one_that_is_optional")
        assert import_module("one_that_is_imported") is imported
    import_module("one_that_is_optional")
