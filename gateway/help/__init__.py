"""Owns the help: the project's own documents as pages that a server can show.

Pure: no web framework and no clock; the frame around a page, its address and its headers are the caller's.
Source: docs/*.md; docs/README.md is the table of contents.
"""

from __future__ import annotations

from gateway.help.documents import Picture, picture
from gateway.help.pages import Chapter, HelpIndex, HelpPage, TocEntry, index, render

__all__ = ["Chapter", "HelpIndex", "HelpPage", "Picture", "TocEntry", "index", "picture", "render"]
