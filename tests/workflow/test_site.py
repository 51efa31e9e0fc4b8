"""The documentation builds into a site: no link within it is broken, and every page is in its navigation."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helpers.project import ROOT

PAGES = sorted(path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.slow
def test_the_documentation_builds_into_a_site(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(tmp_path / "read"), str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "site" / "README.html").read_text(encoding="utf-8")
    navigation = index.partition('class="sidebar-tree"')[2].partition("</aside>")[0]
    assert len(PAGES) > 30
    assert [page for page in PAGES if page.name != "README" and f'href="{page}.html"' not in navigation] == []
