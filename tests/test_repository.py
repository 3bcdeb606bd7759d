"""The repository itself: what the README promises exists, links lead somewhere, and no page names a machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
SETTINGS = (ROOT / "common" / "settings.py").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_command_of_the_readme_is_a_target_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    commands = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert commands <= targets
    assert {"run", "tick", "test", "bench", "clean"} <= commands


def test_files_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(
            r"`((?:common|systems|ingestion|quality|reverse_etl|orchestration|sandbox|docs)/[\w/.]+)`", page.read_text()
        ):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


def test_settings_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"THROUGHLINE_([A-Z_]+)=", page.read_text()):
            assert re.search(rf"^    {name.lower()}:", SETTINGS, re.M), f"{page.name}: {name}"


def test_nothing_names_a_package_index_or_a_machine() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    index = "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(?:org|com)", "/" + "work/main"))
    for name in files:
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".lock", ".yml", ".sql", ".txt", ".in", "") and path.is_file():
            assert not re.search(index, path.read_text(errors="ignore")), name
