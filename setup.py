"""Owns one step of the build: the documents of docs/ are put into the package, so that a server can show them.

Everything else about the package stands in pyproject.toml. An editable install reads docs/ itself.
Source: setuptools, *Extending or Customizing Setuptools* (sub-commands of build).
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DOCUMENTS = ("*.md", "screenshots/*.png", "screenshots/*.svg")
CARRIED = Path("gateway/help/carried")


class BuildWithDocuments(build_py):
    """Builds the modules, then copies the documents beside those that show them."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._documents():
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002  the step's own signature
        outputs: list[str] = super().get_outputs(include_bytecode)
        carried = [] if self.editable_mode else [str(target) for _, target in self._documents()]
        return [*outputs, *carried]

    def _documents(self) -> list[tuple[Path, Path]]:
        docs = Path(__file__).parent / "docs"
        found = sorted(path for pattern in DOCUMENTS for path in docs.glob(pattern))
        return [(path, Path(self.build_lib) / CARRIED / path.relative_to(docs)) for path in found]


setup(cmdclass={"build_py": BuildWithDocuments})
