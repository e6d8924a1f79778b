"""What a kernel keeps of cells that failed, and which error is theirs."""

from __future__ import annotations

import pytest

from assay.kernel.ipython._shown_errors import KEPT_ERRORS
from assay.kernel.ipython._sources import KEPT
from assay.protocol import Error, ErrorReply, ExecuteReply, ExecuteResult
from assay.transport import Client

MARKED = """
import asyncio, gc, threading, weakref
class Marked: pass
alive = weakref.WeakSet()
def marked():
    one = Marked()
    alive.add(one)
    return one
"""

KINDS = {
    "local": "def f():\n    one = marked()\n    1 / 0\nf()",
    "argument": "raise ValueError(marked())",
    "chained": "try:\n    raise ValueError(marked())\n"
    "except ValueError as error:\n    raise KeyError(marked()) from error",
    "deep": "def f(n):\n    one = marked()\n    return f(n + 1) if n < 50 else 1 / 0\nf(0)",
    "group": "raise ExceptionGroup('two', [ValueError(marked()), KeyError(1)])",
    "await": "async def f():\n    one = marked()\n    1 / 0\nawait f()",
    "syntax": "marked(); exec('def (:')",
    "thread": "def f():\n    one = marked()\n    raise SystemExit\n"
    "thread = threading.Thread(target=f)\nthread.start(); thread.join(); 1 / 0",
    "magic": "%run -n no_such_file {marked()}",
}


def result(client: Client, code: str) -> str:
    """Return the text of what *code* evaluates to."""
    (found,) = client.execute(code).contents(ExecuteResult)
    return str(found.data["text/plain"])


@pytest.mark.parametrize("silent", [False, True], ids=["shown", "silent"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_objects_are_freed(client: Client, kind: str, silent: bool) -> None:
    """Objects that failing cells have used live as long as the last error, and no longer."""
    client.execute(MARKED)
    for _ in range(3):
        client.execute(KINDS[kind], silent=silent, stop_on_error=False)
    client.execute("raise ValueError('another')")

    assert result(client, "gc.collect(); len(alive)") == "0"


def test_parsed_cells_are_forgotten(client: Client) -> None:
    """However many cells fail, few of them stay parsed (what shows tracebacks would keep all)."""
    for number in range(3 * KEPT):
        client.execute(f"1 / 0  # {number}")
    client.execute("import executing, gc")
    count = result(client, "sum(isinstance(o, executing.Source) for o in gc.get_objects())")

    assert 0 < int(count) <= 2 * KEPT


def test_few_tracebacks_are_kept(client: Client) -> None:
    """However many cells fail, the newest tracebacks alone are kept, as what they were."""
    kept = "get_ipython().history_manager.exceptions"
    client.execute(f"{kept}.update({{n: {{}} for n in range(-2 * {KEPT_ERRORS}, 0)}})")
    client.execute("1 / 0", stop_on_error=False)

    assert result(client, f"len({kept}), [*{kept}.values()][-1]['ename']") == (
        f"({KEPT_ERRORS}, 'ZeroDivisionError')"
    )


def test_interrupt_behind_the_code_fails_the_cell(client: Client) -> None:
    """What is called when a cell has run is interrupted: IPython shows that and goes on, and the
    reply is the error that was published (EXEC-17)."""
    code = (
        "def strike(_):\n"
        "    get_ipython().events.unregister('post_run_cell', strike)\n"
        "    raise KeyboardInterrupt\n"
        "get_ipython().events.register('post_run_cell', strike)\n"
        "5"
    )
    answer = client.execute(code)

    (error,) = answer.contents(Error)
    assert isinstance(answer.content, ErrorReply)
    assert answer.content.ename == error.ename == "KeyboardInterrupt"
    assert result(client, "6") == "6"


@pytest.mark.parametrize("event", ["pre_execute", "pre_run_cell"])
def test_interrupt_before_the_code_fails_the_cell(client: Client, event: str) -> None:
    """What is called before a cell is run is interrupted: IPython shows that and goes on, the code
    is not run, and the reply is the error that was published (CTRL-11, EXEC-17)."""
    events = "get_ipython().events"
    client.execute(
        "def strike(*_):\n"
        f"    {events}.unregister('{event}', strike)\n"
        "    raise KeyboardInterrupt\n"
        f"{events}.register('{event}', strike)\n"
        "outcomes = []\n"
        f"{events}.register('post_run_cell', outcomes.append)\n"
        "has_run = False"
    )
    answer = client.execute("has_run = True", stop_on_error=False)
    client.execute(f"{events}.unregister('post_run_cell', outcomes.append)")

    (error,) = answer.contents(Error)
    assert isinstance(answer.content, ErrorReply)
    assert answer.content.ename == error.ename == "KeyboardInterrupt"
    assert result(client, "has_run") == "False"
    assert (
        result(client, "[one.success for one in outcomes if one.info.raw_cell == 'has_run = True']")
        == "[False]"
    )


CAUGHT = {
    "in a cell that it runs": "get_ipython().run_cell('raise KeyboardInterrupt'); print('after')",
    "shown": "try: raise KeyboardInterrupt\n"
    "except KeyboardInterrupt: get_ipython().showtraceback()\nprint('after')",
    "shown by what it defines": "def show():\n    try: raise KeyboardInterrupt\n"
    "    except KeyboardInterrupt: get_ipython().showtraceback()\nshow(); print('after')",
}


@pytest.mark.parametrize("code", CAUGHT.values(), ids=CAUGHT.keys())
def test_interrupt_that_the_code_has_caught_fails_nothing(client: Client, code: str) -> None:
    """An error that was shown inside the code is not the cell's (EXEC-17)."""
    answer = client.execute(code)

    (error,) = answer.contents(Error)
    assert error.ename == "KeyboardInterrupt"
    assert isinstance(answer.content, ExecuteReply), answer.content
    assert answer.text() == "after\n"


def test_interrupt_behind_an_interrupt_is_the_same_error(client: Client) -> None:
    """The second strikes where IPython notes the first, and makes no result."""
    code = (
        "import IPython.core.interactiveshell as module\n"
        "made = module.ExecutionInfo\n"
        "left = [1, 2]\n"
        "def strike(*_, **__):\n"
        "    left.pop()\n"
        "    if not left: module.ExecutionInfo = made\n"
        "    raise KeyboardInterrupt\n"
        "module.ExecutionInfo = strike"
    )
    client.execute(code)
    answer = client.execute("5")

    (error,) = answer.contents(Error)
    assert isinstance(answer.content, ErrorReply)
    assert answer.content.ename == error.ename == "KeyboardInterrupt"
    assert result(client, "left, 6") == "([], 6)"


SHOWN = "try: 1 / 0\nexcept ZeroDivisionError: get_ipython().showtraceback()\n"

STRIKING = """
import signal, sys
def strike(qualname):
    "Interrupt where the function of that name returns."
    def watch(frame, event, _):
        if event == 'return' and frame.f_code.co_qualname == qualname:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)
    sys.setprofile(watch)
"""

BEHIND = {
    "code": ("strike('InteractiveShell.run_cell')", "KeyboardInterrupt"),
    "expressions": ("strike('InteractiveShell.user_expressions')", "KeyboardInterrupt"),
    "an await": (
        "strike('IPythonInterpreter.execute'); import asyncio; await asyncio.sleep(0)",
        "KeyboardInterrupt",
    ),
    "its own error": ("strike('IPythonInterpreter.execute'); [][1]", "IndexError"),
    "a result that cannot be shown": (
        "class Wrong:\n    def __repr__(self): [][1]\n"
        "strike('IPythonInterpreter.execute')\nWrong()",
        "IndexError",
    ),
    "a quit debugger": ("import bdb; raise bdb.BdbQuit", "BdbQuit"),
    "a handler that shows nothing": (
        "get_ipython().set_custom_exc((KeyError,), lambda *_, **__: None); raise KeyError",
        "KeyError",
    ),
    "a handler that shows it": (
        "def show(shell, *error, **_): shell.showtraceback(error)\n"
        "get_ipython().set_custom_exc((KeyError,), show); raise KeyError",
        "KeyError",
    ),
    "a handler that shows another": (
        "def show(shell, *_, **__): shell.showtraceback((ValueError, ValueError(), None))\n"
        "get_ipython().set_custom_exc((KeyError,), show); raise KeyError",
        "ValueError",
    ),
    "an exit": ("raise SystemExit(3)", "SystemExit"),
}


@pytest.mark.parametrize(("code", "ename"), BEHIND.values(), ids=BEHIND.keys())
def test_error_that_the_code_has_shown_is_not_what_ended_it(
    client: Client, code: str, ename: str
) -> None:
    """A cell that has caught and shown an error ends by another one, which is published behind it
    and is what the reply names (EXEC-17)."""
    client.execute(STRIKING, silent=True)
    answer = client.execute(SHOWN + code, stop_on_error=False)
    client.execute("get_ipython().set_custom_exc((), None)", silent=True)

    assert [error.ename for error in answer.contents(Error)] == ["ZeroDivisionError", ename]
    assert isinstance(answer.content, ErrorReply), answer.content
    assert answer.content.ename == ename
    assert result(client, "6") == "6"


FAILING = {
    "raises": ("1 / 0", "ZeroDivisionError"),
    "is no Python": ("a b", "SyntaxError"),
    "uses a magic wrongly": ("%no_such_magic", "UsageError"),
    "exits": ("raise SystemExit(3)", "SystemExit"),
    "is cancelled": ("import asyncio; asyncio.current_task().cancel(); await asyncio.sleep(0)", ""),
}


def test_hook_that_fails_is_not_the_cells_error(client: Client) -> None:
    """A hook that fails around a cell is shown, and the reply says of the cell what it would
    without: that it is well, or its own error (S-052, EXEC-17)."""
    events = "get_ipython().events"
    names = "('pre_run_cell', 'post_execute', 'post_run_cell')"
    client.execute(
        "def fails(*_): raise ValueError('of the hook')\n"
        f"for name in {names}: {events}.register(name, fails)"
    )
    well = client.execute("5")
    failed = {
        kind: client.execute(code, stop_on_error=False) for kind, (code, _) in FAILING.items()
    }
    client.execute(f"for name in {names}: {events}.unregister(name, fails)", silent=True)

    assert isinstance(well.content, ExecuteReply), well.content
    assert [error.evalue for error in well.contents(Error)] == ["of the hook"] * 3
    for kind, answer in failed.items():
        assert isinstance(answer.content, ErrorReply), kind
        assert answer.content.ename == (FAILING[kind][1] or "CancelledError")
        assert [error.ename for error in answer.contents(Error)].count("ValueError") == 3
