"""What mkdocs can't do alone: the reference that other tools generate is put into the site, and
what the pages link to outside of docs/ is linked to in the repository."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

#: Where a generator left a part of the reference, and where that goes.
GENERATED = {
    "target/reference/node": "reference/node-api",
    "target/reference/rust": "reference/rust-api",
}

_LINK = re.compile(r"\]\(((?:\.\./)+[^)#\s]*)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for folder, place in GENERATED.items():
        source = ROOT / folder
        if not source.is_dir():
            raise PluginError(f"{folder} is missing: `make docs` makes it")
        for path in sorted(source.rglob("*")):
            # The licence of a font would become a page.
            if path.is_file() and path.suffix != ".md":
                name = f"{place}/{path.relative_to(source).as_posix()}"
                files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    del files
    here = PurePosixPath("docs", page.file.src_uri).parent

    def into_repository(found: re.Match[str]) -> str:
        path = (ROOT / here / found[1]).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return found[0]
        if not path.exists():
            raise PluginError(f"{page.file.src_uri} links to {found[1]}, which is not there")
        kind = "tree" if path.is_dir() else "blob"
        return f"]({config.extra['repository']}/{kind}/main/{path.relative_to(ROOT).as_posix()}"

    return _LINK.sub(into_repository, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Docstrings announce a block of code with a line that markdown has no use for."""
    del page, config, files
    return html.replace("<p>::</p>\n", "")
