"""Pages of the site that are files at the top of the checkout: README.md, CONTRIBUTING.md, CHANGELOG.md."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, with their links rewritten for the place where they stand in the site."""
    top = Path(config.config_file_path).parent
    for name, page in PAGES.items():
        text = (top / name).read_text("utf-8")
        files.append(File.generated(config, page, content=with_site_links(text)))
    return files


def with_site_links(text: str) -> str:
    """Return Markdown whose links lead from the folder docs/ instead of from the folder above it."""
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r"\]\((\w+\.md)\)", lambda link: f"]({PAGES.get(link[1], link[1])})", text)
