"""`schakel review` attacks again with the certificate: what it says of insiders, of earlier releases, of what it could not try."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from disclosure.suppress.printed import read_edition
from disclosure.suppress.system import describe
from flows.cli import main
from flows.state import State
from schemas.catalogue import load_catalogue
from schemas.policy_suppression import SuppressionPolicy
from schemas.study import load_study, resource
from tests.flows import invented_release
from tests.flows.invented_release import SAFE, propose, tables

Review = Callable[[str], str]
STUDY = load_study("nr2015")
CATALOGUE = load_catalogue(resource("nr2015", "catalogue", STUDY.catalogue), STUDY.years)
SMALL = "geslacht=O, jaar_besluit=2011"


def certificate(shown: dict[str, Any], *small: str, known: str | None = None) -> dict[str, Any]:
    """A certificate of the blanks of `shown`, of which the ones that end in `small` are small; one person is alone in `known`."""
    edition = read_edition(shown, CATALOGUE, SuppressionPolicy())
    names = [describe(edition.keys[at]) for at in sorted(edition.blank)]
    blanks = [{"cell": name, "primary": name.endswith(small), "low": 1, "high": 4} for name in names]
    insiders = [{"cell": name, "people": [0], "units": 1} for name in names if known and name.endswith(known)]
    return invented_release.CERTIFICATE | {"version": 2, "blanks": blanks, "insiders": insiders}


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Review:
    monkeypatch.setenv("SCHAKEL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, err
        return out

    def reviewed(release: str) -> str:
        monkeypatch.setenv("SCHAKEL_ACTOR", "anna")
        if not (tmp_path / "bram.pem").exists():
            call("keys", "new", "--person", "bram")
        monkeypatch.setenv("SCHAKEL_ACTOR", "bram")
        return call("review", release)

    return reviewed


def test_insiders_are_tried_again(review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invented_release, "CERTIFICATE", certificate(tables(), SMALL, known=SMALL))
    propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    text = review("r1")
    assert "Attacked with its certificate: an outsider and 1 insider(s) (person) learn none of 1 small counts" in text


def test_an_insider_who_learns_something_is_bad_news(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a year's two blanks both are small, and one person is alone in one of them."""
    found = certificate(tables(), SMALL, "geslacht=M, jaar_besluit=2011", known=SMALL)
    monkeypatch.setattr(invented_release, "CERTIFICATE", found)
    propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    assert "! Attacked with its certificate: 1 of 2 small count(s) fall, 0 question(s) stayed open." in review("r1")


def test_a_certificate_of_other_blanks_counts_as_failed(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tables(SAFE | {2010: (None, None, 0)}), SMALL)
    monkeypatch.setattr(invented_release, "CERTIFICATE", other)
    propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    assert "! Attacked with its certificate: could not be tried, which counts as failed." in review("r1")


def test_blanks_that_are_used_again_are_reviewed_with_the_certificate_of_their_own_run(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same registers and policy under another version: the pattern is the first one's, and so is its certificate."""
    monkeypatch.setattr(invented_release, "CERTIFICATE", certificate(tables(), SMALL, known=SMALL))
    propose(tmp_path / "state", tmp_path / "out", "r1", tables())
    append = State.append
    with (
        monkeypatch.context() as patched
    ):  # the second run uses the pattern again: it attacks nothing and certifies nothing
        patched.setattr(invented_release, "keep_certificate", lambda store, release, *rest: None)
        patched.setattr(
            State, "append", lambda self, kind, *rest: None if kind == "attacked" else append(self, kind, *rest)
        )
        propose(tmp_path / "state", tmp_path / "out", "r2", tables())
    assert "Certificate (restricted, of r1, whose blanks these are)" in review("r2")
