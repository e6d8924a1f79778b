"""What the kernel replaces in the process: undone where it is still ours, listed in the docs."""

from __future__ import annotations

import pickle
import types
from pathlib import Path

from assay.kernel.process._patches import Kind, Patches, patches
from assay.protocol import Channel, CreateSubshellReply, CreateSubshellRequest
from assay.transport import Client
from tests.kernel._kernels import HANG_LIMIT_S, execute
from tests.kernel.debugger._client import Debugging

DOCS = Path(__file__).parents[3] / "docs" / "process.md"


def owner() -> types.ModuleType:
    """Return a module with a function."""
    module = types.ModuleType("owner")
    module.__dict__["function"] = lambda: "before"
    return module


def test_patch_is_undone_while_it_is_ours() -> None:
    """What was patched twice is undone newest first, and is in the end what it was."""
    patches, module = Patches(), owner()
    before = module.function
    for number in (1, 2):
        patches.replace(module, "function", number, kind=Kind.SPEED, reason="a test")

    patches.undo_since(1)
    assert module.function == 1
    patches.undo_since(0)
    assert module.function is before


def test_later_patch_of_a_third_party_stays() -> None:
    """A profiler's patch over ours is not written over."""
    patches, module = Patches(), owner()
    patches.replace(module, "function", "ours", kind=Kind.SPEED, reason="a test")
    module.__dict__["function"] = "theirs"

    patches.undo(module, "function")

    assert module.function == "theirs"


def test_inherited_attribute_is_inherited_again() -> None:
    """A class that had no attribute of its own has none afterwards, and one that has none at all is
    left alone."""
    patches = Patches()
    child = type("Child", (str,), {})
    patches.replace(child, "upper", "ours", kind=Kind.SPEED, reason="a test")
    patches.replace(child, "no_such_name", "ours", kind=Kind.SPEED, reason="a test")

    patches.undo_since(0)

    assert "upper" not in vars(child)
    assert not hasattr(child, "no_such_name")


USE_ALL = """\
import anyio, asyncio, concurrent.futures.thread, pdb, IPython.core.magics.script, resource, trio
try: 1 / 0
except ZeroDivisionError: get_ipython().showtraceback()
get_ipython().Completer
import jedi, parso
"""


def test_table_is_that_of_the_docs(mine: Client) -> None:
    """A kernel that has used all that it patches has patched what docs/process.md lists."""
    execute(mine, "1/0", stop_on_error=False)
    execute(mine, USE_ALL, stop_on_error=False)
    mine.inspect("print", 5, timeout=HANG_LIMIT_S)
    # A subshell, which has begun when its first cell has run.
    created = mine.request(
        CreateSubshellRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S
    ).content
    assert isinstance(created, CreateSubshellReply)
    mine.execute("", subshell_id=created.subshell_id, timeout=HANG_LIMIT_S)
    Debugging(mine).attach()
    code = "from assay.kernel.process._patches import patches; print(patches.table(), end='')"

    assert execute(mine, code).text() in DOCS.read_text("utf-8")


def test_pickled_patches_are_those_of_the_process() -> None:
    """A session that is pickled holds what was replaced, and with it the list (dill#255)."""
    assert pickle.loads(pickle.dumps(patches)) is patches
