"""What a release needs before anything is built: one version, a changelog, all platforms."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import version
from blocks import ROOT

FILES = ("Cargo.toml", "Cargo.lock", "pyproject.toml", "package.json", "package-lock.json")
CHANGELOG = "CHANGELOG.md"

(VERSION,) = version.named()["the workspace"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (*FILES, CHANGELOG):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_there_is_one_version() -> None:
    assert version.faults() == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("Cargo.toml", f'verigator-server = {{ path = "server", version = "{VERSION}"'),
        ("Cargo.lock", f'name = "verigator-server"\nversion = "{VERSION}"'),
        ("pyproject.toml", f'"verigator-server=={VERSION}"'),
        ("package.json", f'"version": "{VERSION}"'),
        ("package-lock.json", f'"version": "{VERSION}"'),
    ],
)
def test_another_version_is_found(file: str, text: str, copy: Path) -> None:
    assert version.faults(root=copy) == []
    replace(copy / file, text, text.replace(VERSION, "9.8.7"))
    (fault,) = version.faults(root=copy)
    assert fault.startswith(file)
    assert "9.8.7" in fault


def test_a_tag_is_for_a_release_in_the_changelog(copy: Path) -> None:
    heading = f"## [{VERSION}] - 2026-01-31"
    replace(copy / CHANGELOG, "## [Unreleased]", heading)
    assert version.faults(f"v{VERSION}", copy) == []
    (fault,) = version.faults("v9.8.7", copy)
    assert "the tag is v9.8.7" in fault
    replace(copy / CHANGELOG, heading, "## [Unreleased]")
    (fault,) = version.faults(f"v{VERSION}", copy)
    assert fault == f"CHANGELOG.md has no release {VERSION} with its day"


def test_the_changelog_is_kept() -> None:
    """In the form of Keep a Changelog 1.1.0."""
    text = (ROOT / CHANGELOG).read_text(encoding="utf-8")
    releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert releases[0] == "[Unreleased]" or version.faults(f"v{VERSION}") == []
    for release in releases:
        assert re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_each_platform_is_built() -> None:
    """The workflow builds for npm what the package says that it has."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    built = [it["target"] for it in jobs["node"]["strategy"]["matrix"]["include"]]
    tried = {it["part"] for it in jobs["node-tried"]["strategy"]["matrix"]["include"]}
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert sorted(built) == sorted(package["napi"]["targets"])
    assert len(tried) == len(built)
