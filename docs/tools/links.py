"""`python docs/tools/links.py SITE` fails if a link in the site's pages leads nowhere: to no file,
or to no place in one. Links to elsewhere are not followed."""

from __future__ import annotations

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}
#: What rustdoc writes on its own: what tracing says of a trait of its own, at each type; and a
#: trait's list of implementors elsewhere, also where there are none.
FOREIGN = re.compile(r"dispatcher#setting-the-default-subscriber|(\.\./)+trait\.impl/.*\.js")


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places.update(filter(None, (given.get("id"), given.get("name"))))
        if link := given.get(LINKS.get(tag, "")):
            self.links.add(link)


@cache
def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def dead(page: Path, site: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in sorted(read(page).links):
        to = urlsplit(link)
        if to.scheme or to.netloc:
            continue
        base = site if to.path.startswith("/") else page.parent
        path = (base / unquote(to.path).lstrip("/")).resolve() if to.path else page
        if path.is_dir():
            path /= "index.html"
        there = path.is_relative_to(site) and path.is_file()
        if there and to.fragment and has_places(path):
            there = not {to.fragment, unquote(to.fragment)}.isdisjoint(read(path).places)
        if not there and not FOREIGN.fullmatch(link):
            found.append(link)
    return found


def has_places(path: Path) -> bool:
    """Whether a page's places are in its text; rustdoc's pages of source make those of lines."""
    return path.suffix == ".html" and not path.name.endswith(".rs.html")


def main() -> None:
    site = Path(sys.argv[1]).resolve()
    pages = sorted(site.rglob("*.html"))
    # What a server gives in place of a page that isn't there; its links begin at the root.
    pages.remove(site / "404.html")
    complaints = [
        f"{page.relative_to(site)}: {link}" for page in pages for link in dead(page, site)
    ]
    if complaints:
        raise SystemExit("\n".join(["These links lead nowhere:", *complaints]))
    print(f"{len(pages)} pages, no dead link")


if __name__ == "__main__":
    main()
