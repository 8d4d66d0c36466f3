"""A command, option or setting that is not documented, or a documented command that the program would refuse, fails here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli.reference import commands, reference
from flows.settings import DEFAULT_ENVIRONMENT, SAFE_ENVIRONMENT
from tests.conftest import ROOT

ROOMS = ("schemas", "linkage", "tabulation", "disclosure", "flows", "portal")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SETTING = re.compile(r"SCHAKEL_[A-Z]+(?:_[A-Z]+)*")
LINK = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)|`(docs/[\w/.-]+\.md)`")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def written() -> Iterator[Any]:
    """Every `schakel ...` and `schakel-do ...` line of a code block, continued lines joined, comments and assignments taken off."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*schakel(?:-do)? (.*)", line)
                if found:
                    yield pytest.param(f"schakel {found[1]}", id=f"{page.name}: schakel {found[1][:60]}")


def test_the_page_of_commands_is_what_the_program_says() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == reference(), "run `python -m flows.cli.reference > docs/commands.md`"


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in commands().items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.opts[0]}"


def test_every_setting_is_documented_and_exists() -> None:
    code = {
        word for room in ROOMS for path in (ROOT / room).rglob("*.py") for word in SETTING.findall(path.read_text())
    }
    documented = set(SETTING.findall((ROOT / "docs" / "settings.md").read_text(encoding="utf-8")))
    parts = {
        word for word in code if any(other.startswith(f"{word}_") for other in documented)
    }  # f"SCHAKEL_PORTAL_{name}"
    assert code - documented - parts == set()
    built = {word for word in documented - code if any(word.startswith(f"{part}_") for part in parts)}
    elsewhere = {
        word for path in (ROOT / "deploy").rglob("*") if path.is_file() for word in SETTING.findall(path.read_text())
    }
    assert documented - code - built - elsewhere == set()


def test_what_is_forced_on_prefect_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in (*SAFE_ENVIRONMENT, *DEFAULT_ENVIRONMENT) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("line", written())
def test_a_documented_command_is_one_that_the_program_takes(line: str, tmp_path: Path) -> None:
    """Parsed by the command line itself, with a value for every placeholder; commands that need no state are run elsewhere."""
    words = shlex.split(re.sub(r"<[^>]*>", "x", line), comments=True)
    words = words[: next((i for i, word in enumerate(words) if word in {"|", ">", "&&", ";"}), len(words))]
    known = commands()
    size = next((n for n in range(len(words), 0, -1) if " ".join(words[:n]) in known), 0)
    assert size, f"no such command: {line}"
    name = " ".join(words[:size])
    if words[size:] == ["--help"]:
        return
    arguments = [word for word in words[size:] if word != "..."]
    known[name].make_context(name, arguments)


@pytest.mark.parametrize("text", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(text: Path) -> None:
    for relative, named in LINK.findall(text.read_text(encoding="utf-8")):
        target = ROOT / named if named else text.parent / relative
        assert target.exists(), f"{text.name} points to {relative or named}"
