"""Count which statements of the project the tests run, those that run in kernels included.

    python scripts/coverage.py run FOLDER -- pytest tests    run a command, count, report
    python scripts/coverage.py report FOLDER                 report what was counted in FOLDER
    python scripts/coverage.py report FOLDER --lines _lane.py    what did not run in these modules

The first ends with the command's status; or with 1 if less ran than FLOOR. It compiles the project
so that each statement sets one byte, and each `if` without an `else` one for the other way. The
bytes are a file that all processes have mapped. So nothing has to be written at the end of a
kernel: SIGKILL, `os._exit` and a fork lose nothing. An interrupt cannot strike in between: there is
no code of a tracer. Processes find the compiled modules by PYTHONPYCACHEPREFIX, and the file by
ASSAY_COUNTED; both are inherited, so whatever a test starts counts as well (decision 0024).
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import marshal
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"

FLOOR = 90.0
"""Percent of what is counted, a little below what all tests run."""

OPENER = """
def _open_hits():
    import posix
    path = posix.environ.get(b"ASSAY_COUNTED")
    if not path:
        return bytearray({size})
    import mmap
    held = [posix.open(path, posix.O_RDWR | posix.O_CLOEXEC)]
    # What is mapped keeps a descriptor: none of the first three, which a kernel may lack.
    while held[-1] < 3:
        held.append(posix.open(path, posix.O_RDWR | posix.O_CLOEXEC))
    try:
        return mmap.mmap(held[-1], {size})
    finally:
        for descriptor in held:
            posix.close(descriptor)

_hits_ = _open_hits()
del _open_hits
"""
IMPORT = "from assay import _hits_"


class Module(NamedTuple):
    """What is counted of a module."""

    path: Path
    sites: tuple[int, ...]
    """The line of each byte; negative for the other way of an `if` there."""

    tree: ast.Module
    """The code, with what sets the bytes from `first` on."""

    first: int


class Counting(ast.NodeTransformer):
    """Puts before each statement what sets its byte."""

    def __init__(self, first: int) -> None:
        self._first = first
        self.sites: list[int] = []

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Put them into each block of *node*."""
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and any(isinstance(one, ast.stmt) for one in value):
                setattr(node, name, list(self._block(value)))
            elif isinstance(value, list):
                for one in value:
                    if isinstance(one, ast.AST):
                        self.visit(one)
        if isinstance(node, ast.If) and not node.orelse:
            node.orelse = [self._mark(node, -node.lineno)]
        return node

    def _block(self, statements: list[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in statements:
            if not _counts(statement):
                yield statement
                continue
            yield self._mark(statement, statement.lineno)
            self.visit(statement)
            yield statement

    def _mark(self, at: ast.stmt, site: int) -> ast.stmt:
        self.sites.append(site)
        (mark,) = ast.parse(f"_hits_[{self._first + len(self.sites) - 1}] = 1").body
        for node in ast.walk(mark):
            ast.copy_location(node, at)
        return mark


def _counts(statement: ast.stmt) -> bool:
    """Return False for what does nothing, or is there for type checkers alone."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Global() | ast.Nonlocal():
            return False
        case ast.ImportFrom(module="__future__"):
            return False
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return False
        case _:
            return True


def modules() -> list[Module]:
    """Return all modules of the project, each with the place of its bytes."""
    found, first = list[Module](), 0
    for path in sorted(SOURCES.rglob("*.py")):
        if path.is_relative_to(SOURCES / "spec" / "data"):
            continue
        tree = ast.parse(path.read_bytes(), path)
        counting = Counting(first)
        counting.visit(tree)
        found.append(Module(path, tuple(counting.sites), tree, first))
        first += len(counting.sites)
    return found


def prepare(folder: Path) -> dict[str, str]:
    """Compile the project into *folder*; return the environment of whatever is to count."""
    bytecode, counted = folder / "bytecode", folder / "counted"
    link_others(bytecode)
    found = modules()
    size = found[-1].first + len(found[-1].sites)
    for module in found:
        is_top = module.path == SOURCES / "__init__.py"
        compile_into(bytecode, module, OPENER.format(size=size) if is_top else IMPORT)
    counted.write_bytes(bytes(size))
    return {"PYTHONPYCACHEPREFIX": str(bytecode), "ASSAY_COUNTED": str(counted)}


def compile_into(bytecode: Path, module: Module, prologue: str) -> None:
    """Compile *module*, where Python looks if *bytecode* is its PYTHONPYCACHEPREFIX."""
    body = module.tree.body
    at = sum(1 for one in body[:2] if not _counts(one))  # docstring, and what is of the future
    beginning = ast.parse(prologue).body
    first_line = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
    for node in (node for one in beginning for node in ast.walk(one)):
        ast.copy_location(node, first_line)
    body[at:at] = beginning
    code = compile(module.tree, module.path, "exec", dont_inherit=True)
    status = module.path.stat()
    numbers = (0, int(status.st_mtime), status.st_size)
    head = b"".join((one & 0xFFFFFFFF).to_bytes(4, "little") for one in numbers)
    path = cached(bytecode, module.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(importlib.util.MAGIC_NUMBER + head + marshal.dumps(code))


def cached(bytecode: Path, source: Path) -> Path:
    """Return where Python looks for the compiled *source*."""
    name = Path(importlib.util.cache_from_source(str(source))).name
    return bytecode / source.parent.relative_to("/") / name


def link_others(bytecode: Path) -> None:
    """Let *bytecode* have what is compiled already of Python and of installed packages."""
    for place in map(Path, sys.path):
        for folder in place.rglob("__pycache__") if place.is_dir() else ():
            if folder.is_relative_to(ROOT) and not folder.is_relative_to(sys.prefix):
                continue
            beside = bytecode / folder.parent.resolve().relative_to("/")
            beside.mkdir(parents=True, exist_ok=True)
            for compiled in folder.glob(f"*.{sys.implementation.cache_tag}.pyc"):
                link = beside / compiled.name
                if not link.is_symlink() and not link.exists():
                    link.symlink_to(compiled)


def report(folder: Path, parts: Sequence[str]) -> float:
    """Print how much of each module ran, or which lines of *parts* did not; return percent of all.

    Raises:
        SystemExit: the code is another one than was counted.
    """
    hits, found_modules = (folder / "counted").read_bytes(), modules()
    total = ran = 0
    if len(hits) != sum(len(module.sites) for module in found_modules):
        raise SystemExit(f"{folder}: src has changed since it was counted; run it again")
    for module in found_modules:
        found = hits[module.first : module.first + len(module.sites)]
        total, ran = total + len(found), ran + sum(found)
        name = module.path.relative_to(ROOT)
        missed = [site for site, hit in zip(module.sites, found, strict=True) if not hit]
        if parts and any(part in str(name) for part in parts):
            print(name, *map(_described, missed), sep="\n  ")
        elif missed and not parts:
            print(
                f"{len(found):6} {len(missed):5} {percent(sum(found), len(found)):4.0f} %  {name}"
            )
    print(f"{total:6} {total - ran:5} {percent(ran, total):6.1f} % of statements and ways ran")
    return percent(ran, total)


def percent(part: int, whole: int) -> float:
    """Return what *part* is of *whole*, in percent."""
    return 100 * part / whole if whole else 100.0


def _described(site: int) -> str:
    return f"line {site}" if site > 0 else f"line {-site}: its condition was never false"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with the command line's arguments."""
    parser = argparse.ArgumentParser(
        description="Count which statements of the project the tests run, also in kernels.",
        epilog="Less than the floor ends with status 1.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a command, and report what has run")
    reports = verbs.add_parser("report", help="report what has run in the folder")
    for verb in (run, reports):
        verb.add_argument("folder", type=Path, help="where the counts are kept")
        verb.add_argument("--floor", type=float, default=FLOOR, metavar="PERCENT")
    run.add_argument("command", nargs="+", help="behind --, such as pytest and its arguments")
    reports.add_argument(
        "--lines",
        nargs="+",
        default=(),
        metavar="PART",
        help="show what did not run in the modules with this in their path",
    )
    options = parser.parse_args(arguments)
    if options.verb == "report":
        return int(report(options.folder, options.lines) < options.floor)
    environment = {**os.environ, **prepare(options.folder.resolve())}
    status = subprocess.run(options.command, env=environment, check=False).returncode
    found = report(options.folder, ())
    if found < options.floor:
        print(f"wanted {options.floor:g} %, found {found:.1f} %", file=sys.stderr)
    return status or int(found < options.floor)


if __name__ == "__main__":
    sys.exit(main())
