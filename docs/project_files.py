"""A hook of MkDocs: links that lead out of ``docs/`` hold in the site as they do on GitHub.

Each file of the project that a page links to becomes a page below ``project/``: Markdown as it is, anything
else as a listing, a folder as its README or as listings of its files. The pages themselves stay as they are.
"""  # noqa: INP001 -- a hook stands beside the pages; it is no package

from __future__ import annotations

import os.path
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS: Final = PurePosixPath("docs")
PLACE: Final = PurePosixPath("project")
"""The folder of the site that holds the project's files."""

FENCE: Final = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(\]\(|\b(?:src|srcset)=\")([^)\s\"#:]+)(?=[)\s\"#])")
LANGUAGES: Final = {".yml": "yaml", ".yaml": "yaml", ".py": "python", ".toml": "toml"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every page of a folder where the navigation names the folder: decisions are added often."""
    folder = Path(config.docs_dir)
    for item in config.nav or ():
        for title, entry in list(item.items()):
            if isinstance(entry, str) and entry.endswith("/"):
                item[title] = [f"{entry}{page.name}" for page in sorted((folder / entry).glob("*.md"))]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what pages link to, and what that links to."""
    root = Path(config.docs_dir).parent
    waiting = list(files.documentation_pages())
    while waiting:
        page = waiting.pop()
        for target in targets_of(page.content_string, page.src_uri, root):
            uri = place_of(target, root)
            if files.get_file_from_path(uri) is None and DOCS not in target.parents:
                added = File.generated(config, uri, content=show(target, root))
                files.append(added)
                waiting.append(added)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead those links to the pages that were made for them."""
    root, here = Path(config.docs_dir).parent, page.file.src_uri

    def lead(link: re.Match[str]) -> str:
        target = resolve(link[2], here)
        if not (root / target).exists():
            return link[0]
        place = place_of(target, root)
        page_or_image = files.get_file_from_path(place)
        return link[1] + os.path.relpath(place, PurePosixPath(here).parent) if page_or_image else link[0]

    return change_links(markdown, lead)


def targets_of(markdown: str, here: str, root: Path) -> Iterator[PurePosixPath]:
    """What the links of a page name in the project, as far as it is there."""
    for part in FENCE.sub("", markdown).splitlines():
        for link in LINK.finditer(part):
            target = resolve(link[2], here)
            if (root / target).exists():
                yield target


def resolve(link: str, here: str) -> PurePosixPath:
    """A link of the page ``here`` of the site as a path in the project."""
    page = PurePosixPath(here)
    source = page.relative_to(PLACE) if PLACE in page.parents else DOCS / page
    return PurePosixPath(os.path.normpath(source.parent / link))


def place_of(target: PurePosixPath, root: Path) -> str:
    """Where the site has a path of the project."""
    if DOCS in target.parents:
        return str(target.relative_to(DOCS))
    if (root / target).is_dir():
        return str(PLACE / target / ("README.md" if (root / target / "README.md").exists() else "index.md"))
    return str(PLACE / (target if target.suffix == ".md" else target.with_name(f"{target.name}.md")))


def show(target: PurePosixPath, root: Path) -> str:
    """The text of the page that stands for a path of the project."""
    path = root / target
    if path.is_dir() and (path / "README.md").exists():
        path /= "README.md"
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    if path.is_dir():
        found = sorted(one for one in path.iterdir() if one.suffix in LANGUAGES)
        return "\n".join([f"# {target}/\n", *(f"## {one.name}\n\n{fenced(one)}" for one in found)])
    return f"# {target}\n\n{fenced(path)}"


def fenced(path: Path) -> str:
    """A file as a code block that no fence inside of it can end."""
    return f"~~~~~~ {LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}~~~~~~\n"


def change_links(markdown: str, change: Callable[[re.Match[str]], str]) -> str:
    """The text with each link outside of code blocks changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(change, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(change, markdown[end:])])
