"""Draw which package imports which, from the code, into docs/architecture.md.

    python scripts/draw_imports.py           # write
    python scripts/draw_imports.py --check   # fail if the page says something else

An import for types alone counts as well: whoever reads a module has to know what it names.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PAGE = ROOT / "docs" / "architecture.md"
NAME = "assay"

BEGIN = "<!-- arrows of {}: written by scripts/draw_imports.py -->"
END = "<!-- end of arrows -->"
GROUPS = {"packages": NAME, "protocol": f"{NAME}.protocol", "kernel": f"{NAME}.kernel"}
"""What stands under which heading: the parts of which package."""


def main() -> None:
    """Write the page, or with ``--check`` compare it."""
    before = PAGE.read_text("utf-8")
    imports = {module: set(imported_by(path, module)) for module, path in modules()}
    after = before
    for title, package in GROUPS.items():
        after = replaced(after, title, drawn(arrows(imports, package)))
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, "utf-8")
    elif after != before:
        sys.exit(
            f"{PAGE.relative_to(ROOT)}: the arrows are not those of the code: "
            "run python scripts/draw_imports.py"
        )


def modules() -> Iterator[tuple[str, Path]]:
    """Yield each module of the package and its file."""
    for path in sorted(SOURCE.rglob("*.py")):
        if not (path.parent / "__init__.py").exists():
            continue  # a file that is shipped, and no module
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        yield ".".join((NAME, *parts)), path


def imported_by(path: Path, module: str) -> Iterator[str]:
    """Yield the modules of the package that the file at *path* names in its imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            # `from assay import protocol` imports a module, and so may a longer one.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in names if n.startswith(f"{NAME}.") and n != module)


def arrows(imports: dict[str, set[str]], package: str) -> dict[str, list[str]]:
    """Return for each part of *package* the other parts that it imports, both in order."""
    found: dict[str, set[str]] = {}
    known = set(imports)
    for module, targets in imports.items():
        if (source := part_of(package, module)) is None:
            continue
        found.setdefault(source, set())
        for target in targets:
            part = part_of(package, target)
            if part is not None and part != source and f"{package}.{part}" in known:
                found[source].add(part)
    return {source: sorted(targets) for source, targets in sorted(found.items())}


def part_of(package: str, module: str) -> str | None:
    """Return the name of what *module* is, or belongs to, directly below *package*."""
    head = f"{package}."
    return module.removeprefix(head).partition(".")[0] if module.startswith(head) else None


def drawn(found: dict[str, list[str]]) -> str:
    """Return the arrows as text: one line for each part that imports another one."""
    width = max(map(len, found))
    lines = [
        f"{source:<{width}} --> {', '.join(targets)}"
        for source, targets in found.items()
        if targets
    ]
    return "\n".join(["```", *lines, "```"])


def replaced(page: str, title: str, text: str) -> str:
    """Return *page* with *text* between the marks of *title*."""
    begin = BEGIN.format(title)
    head, found, rest = page.partition(begin)
    _, end, tail = rest.partition(END)
    if not found or not end:
        sys.exit(f"{PAGE.relative_to(ROOT)}: wanted {begin!r} and {END!r}, found them not")
    return f"{head}{begin}\n{text}\n{END}{tail}"


if __name__ == "__main__":
    main()
