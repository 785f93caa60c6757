"""Plug-ins are found by their entry points, and one that is broken is named."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from tidemill import plugins

OWN = EntryPoint("own", "tidemill.plugins:load", "g")


def offer(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry for entry in entries if entry.group == group])


def test_the_built_ins_are_registered_like_any_other() -> None:
    assert set(plugins.load(plugins.EXTRACTORS)) >= {"article", "structured", "pdf", "text"}
    assert set(plugins.load(plugins.STEPS)) >= {"clean", "enrich", "validate", "fingerprint"}


def test_plug_ins_come_by_name_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, OWN, EntryPoint("basename", "os.path:basename", "g"))
    assert list(plugins.load("g").items())[1] == ("own", plugins.load)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (EntryPoint("bad", "no_such_package.x:f", "g"), "plug-in 'bad' .*no_such_package.*cannot be imported"),
        (EntryPoint("bad", "os:sep", "g"), "is a str, not a function"),
        (EntryPoint("own", "os.path:basename", "g"), "two plug-ins .* called 'own'"),
    ],
)
def test_a_broken_plug_in_is_named(monkeypatch: pytest.MonkeyPatch, entry: EntryPoint, message: str) -> None:
    offer(monkeypatch, OWN, entry)
    with pytest.raises(plugins.PluginError, match=message):
        plugins.load("g")


def test_without_its_own_metadata_tidemill_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)
    with pytest.raises(plugins.PluginError, match="make setup"):
        plugins.load("g")
