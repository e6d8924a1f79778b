"""What IPython adds to Python, with a client as its terminal."""

from __future__ import annotations

import base64
import inspect
from pathlib import Path

import pytest
from IPython.core.magic import MagicsManager

from assay.protocol import (
    UNSET,
    CommOpen,
    ConnectionFile,
    DisplayData,
    ExecuteResult,
    Json,
    StreamName,
    UpdateDisplayData,
)
from assay.transport import Client, KernelProcess
from tests.kernel._kernels import (
    error,
    execute,
    failed,
    only,
    outputs,
    result,
    succeeded,
    value,
)

PNG = b"\x89PNG\r\n\x1a\n"


def test_plot_is_displayed(mine: Client) -> None:
    """A figure is drawn at the end of its cell, as a PNG in base64 (IOPUB-13)."""
    answer = execute(mine, "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);\nprint('text')")

    shown = only(answer, DisplayData)
    png = str(shown.data["image/png"])
    assert base64.b64decode(png, validate=True).startswith(PNG)  # no line ends among it
    assert "Figure" in str(shown.data["text/plain"])
    # On a busy machine matplotlib says on stderr that it builds its cache of fonts.
    assert [kind for kind in outputs(answer) if kind != "stderr"] == ["stdout", "display_data"]


def test_plots_of_a_cell_are_its_own(mine: Client) -> None:
    """Each cell shows the figures that it made, in their order, and no earlier one (IOPUB-23)."""
    first = execute(
        mine,
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
        "plt.figure(figsize=(2, 2)); plt.figure(figsize=(1, 1));",
    )
    second = execute(mine, "1;")
    third = execute(mine, "fig, ax = plt.subplots(); fig")

    texts = [str(shown.data["text/plain"]) for shown in first.contents(DisplayData)]
    assert [text.partition(" with ")[0] for text in texts] == [
        "<Figure size 200x200",
        "<Figure size 100x100",
    ]
    assert second.contents(DisplayData) == ()
    assert len(third.contents(DisplayData)) + len(third.contents(ExecuteResult)) == 2


def test_format_of_plots_can_be_set(mine: Client) -> None:
    """`set_matplotlib_formats` is obeyed (IOPUB-11)."""
    answer = execute(
        mine,
        "import matplotlib.pyplot as plt\n"
        "from matplotlib_inline.backend_inline import set_matplotlib_formats\n"
        "set_matplotlib_formats('svg')\nplt.plot([1]);",
    )

    assert "<svg" in str(only(answer, DisplayData).data["image/svg+xml"])


def test_tables_of_pandas_are_html(mine: Client) -> None:
    """A data frame is shown as text and as HTML (IOPUB-11)."""
    answer = execute(mine, "import pandas\npandas.DataFrame({'a': [1]})")

    data = only(answer, ExecuteResult).data
    assert "<table" in str(data["text/html"])
    assert "a" in str(data["text/plain"])


def test_gui_can_be_switched_off(client: Client) -> None:
    """``%gui`` without a name asks for none, which is always possible (S-246)."""
    succeeded(execute(client, "%gui"))
    succeeded(execute(client, "get_ipython().enable_gui(None)"))


@pytest.mark.parametrize("gui", ["nbagg", "webagg", "notebook", "ipympl", "widget", "inline"])
def test_gui_that_the_client_shows_needs_no_loop(client: Client, gui: str) -> None:
    """What the client shows is accepted as a GUI, and nothing is to be done (S-246)."""
    answer = execute(client, f"%gui {gui}\nget_ipython().enable_gui({gui!r})")

    succeeded(answer)
    assert answer.text(StreamName.STDERR) == ""


def test_figure_of_the_notebook_backend_opens_a_comm(mine: Client) -> None:
    """matplotlib's backend for notebooks is selected, and its figure talks by a comm (COMM-01)."""
    answer = execute(
        mine, "%matplotlib notebook\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    )

    succeeded(answer)
    assert only(answer, CommOpen).target_name == "matplotlib"


def test_connection_is_told(client: Client, shared_kernel: KernelProcess) -> None:
    """``%connect_info`` prints the connection file (CONN-02)."""
    answer = execute(client, "%connect_info")

    text = answer.text()
    path = shared_kernel.connection_file.parent / "told.json"
    path.write_text(text[: text.index("\n}") + 2])
    assert ConnectionFile.read(path) == shared_kernel.connection
    assert str(shared_kernel.connection_file) in text


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("%%bash\necho out; echo err >&2", "out\n"),
        ("%%sh\necho out; echo err >&2", "out\n"),
        ("%%script bash\necho out; echo err >&2", "out\n"),
        ("%%python\nimport sys; print('out'); print('err', file=sys.stderr)", "out\n"),
    ],
)
def test_scripts_write_to_both_streams(client: Client, code: str, told: str) -> None:
    """Cell magics that start a program publish both of its streams (EXEC-31)."""
    answer = execute(client, code)

    assert answer.text() == told
    assert answer.text(StreamName.STDERR) == "err\n"


def test_script_output_comes_as_it_is_written(client: Client) -> None:
    """Lines of a running script arrive before it ends (EXEC-31)."""
    seen: list[str] = []
    answer = client.execute(
        "%%bash\necho first\nread -t 0.2 < /dev/zero\necho second",
        on_output=lambda received: seen.append(received.msg_type),
    )

    assert answer.text() == "first\nsecond\n"
    assert seen.count("stream") >= 1


def test_script_output_can_be_kept(client: Client) -> None:
    """``%%bash --out`` puts what a script writes into a variable (EXEC-01)."""
    answer = execute(client, "%%bash --out kept\necho out")

    assert answer.text() == ""
    assert result(execute(client, "kept")) == r"'out\n'"


@pytest.mark.parametrize(
    ("code", "mime"),
    [
        ("%%html\n<b>bold</b>", "text/html"),
        ("%%javascript\nalert(1)", "application/javascript"),
        ("%%latex\n$x$", "text/latex"),
        ("%%markdown\n# title", "text/markdown"),
        ("%%svg\n<svg/>", "image/svg+xml"),
    ],
)
def test_displaying_cells(client: Client, code: str, mime: str) -> None:
    """Cell magics display their text under its MIME type (IOPUB-10)."""
    answer = execute(client, code)

    assert mime in only(answer, DisplayData).data


def test_file_is_written_and_run(client: Client, tmp_path: Path) -> None:
    """``%%writefile`` and ``%run`` work together (EXEC-01)."""
    path = tmp_path / "script.py"
    execute(client, f"%%writefile {path}\nprint('ran', __name__)\nfrom_script = 1\n")

    answer = execute(client, f"%run {path}")

    assert answer.text() == "ran __main__\n"
    assert result(execute(client, "from_script")) == "1"


@pytest.mark.parametrize("run", ["%run {}/interrupted.py", "%run -m interrupted"])
def test_interrupt_of_a_file_that_runs_ends_the_cell(
    client: Client, tmp_path: Path, run: str
) -> None:
    """IPython shows it and lets the cell go on, as it does with errors (CTRL-11)."""
    (tmp_path / "interrupted.py").write_text("raise KeyboardInterrupt")
    succeeded(execute(client, f"import sys; sys.path.append({str(tmp_path)!r})"))

    answer = execute(client, f"{run.format(tmp_path)}\nprint('on')", stop_on_error=False)

    succeeded(execute(client, "sys.path.pop()"))
    assert failed(answer).ename == error(answer).ename == "KeyboardInterrupt"
    assert answer.text() == ""


def test_timing_works(client: Client) -> None:
    """``%time`` and ``%timeit`` print and keep the result (EXEC-19)."""
    timed = execute(client, "%time 6 * 7")
    repeated = execute(client, "%timeit -n1 -r1 pass")

    assert result(timed) == "42"
    assert "Wall time" in timed.text()
    assert "per loop" in repeated.text()


def test_pages_go_to_the_client(client: Client, tmp_path: Path) -> None:
    """``%less`` and ``%more`` page a file, ``??`` the source (EXEC-14)."""
    path = tmp_path / "page.txt"
    path.write_text("the text of the page\n")
    for code in (f"%less {path}", f"%more {path}", "import os.path\nos.path.join??"):
        payload = succeeded(execute(client, code)).payload

        assert payload is not UNSET
        assert payload[0]["source"] == "page"


def test_manual_pages_go_to_the_client(mine: Client, tmp_path: Path) -> None:
    """``%man`` shows what the system's manual says of a name (S-220)."""
    for name, script in {"man": 'echo "the manual of $1"', "col": "cat"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    execute(mine, f"import os; os.environ['PATH'] = {str(tmp_path)!r} + ':' + os.environ['PATH']")

    payload = succeeded(execute(mine, "%man ls")).payload

    assert payload is not UNSET
    assert "the manual of ls" in str(payload[0]["data"])


def test_code_that_asks_for_no_kernel_works(client: Client) -> None:
    """Magics of every day run without an error (EXEC-01)."""
    for code in (
        "%lsmagic",
        "%who",
        "%whos",
        "%history -n",
        "%env HOME",
        "%xmode Plain",
        "%xmode Context",
        "%config IPCompleter",
        "%precision 3",
        "%reset -f",
        "%alias listing ls",
        "%pinfo len",
        "%pdoc len",
        "%prun -q pass",
        "%dhist",
        "x = 1\n%store x",
    ):
        succeeded(execute(client, code))


def test_parts_of_the_shell_are_configured_by_ipythons_names(mine: Client) -> None:
    """What is IPython's with something of ours is found under the name that IPython gave it."""
    told = execute(mine, "%config").text().split()
    parts = {"DisplayFormatter", "HistoryManager", "PrefilterManager", "ZMQInteractiveShell"}
    assert parts | {"IPKernelApp"} <= set(told)

    code = "%config DisplayFormatter.active_types = ['text/plain']"
    succeeded(execute(mine, code))
    assert result(execute(mine, "%config DisplayFormatter.active_types")) == "['text/plain']"


def test_displayed_object_can_be_updated_later(client: Client) -> None:
    """A handle from an earlier cell updates its display from a later one (IOPUB-16)."""
    shown = execute(client, "handle = display('old', display_id=True)")
    updated = execute(client, "handle.update('new')")

    transient = only(shown, DisplayData).transient
    assert transient is not UNSET
    assert only(updated, UpdateDisplayData).transient == transient


def test_progress_bars_draw_on_one_line(client: Client) -> None:
    """Carriage returns arrive as they were written (IOPUB-09)."""
    answer = execute(client, "for i in range(3): print(i, end='\\r')")

    assert answer.text() == "0\r1\r2\r"


def test_displays_can_be_watched(client: Client) -> None:
    """A hook registered with the publisher may take a display away (IOPUB-10)."""
    execute(
        client,
        "taken = []\n"
        "def take(message):\n"
        "    taken.append(message['content']['data']['text/plain'])\n"
        "get_ipython().display_pub.register_hook(take)",
    )
    answer = execute(client, "display(1)\nprint('heard')")
    after = execute(client, "get_ipython().display_pub.unregister_hook(take); taken")

    assert outputs(answer) == ["stdout"]
    assert result(after) == "['1']"


def test_mime_bundles_may_hold_anything_json_can(client: Client) -> None:
    """JSON data stays JSON, binary data becomes base64 (IOPUB-12, IOPUB-13)."""
    answer = execute(
        client,
        "display({'application/json': {'a': [1, None, True]}, 'text/plain': 'x',"
        " 'image/png': b'\\x89PNG'}, raw=True, metadata={'application/json': {'expanded': True}})",
    )

    shown = only(answer, DisplayData)
    data: dict[str, Json] = dict(shown.data)
    assert data["application/json"] == {"a": [1, None, True]}
    assert base64.b64decode(str(data["image/png"])) == b"\x89PNG"
    assert shown.metadata == {"application/json": {"expanded": True}}


OLD_MAGICS = {
    "%doctest_mode": "Doctest mode is: ON",
    "print('doctest')\n%doctest_mode ": "Doctest mode is: OFF",
    "%autocall 1": "Automatic calling is: Smart",
    "len 'abc'": "------> len('abc')",
    "%autocall 0": "Automatic calling is: Off",
    "%clear": "\x1b[H\x1b[2J",
    "%cls": "\x1b[H\x1b[2J",
    "%macro -q made 1\nprint('macro')": "macro",
}


def test_magics_of_the_ancestor_work(client: Client) -> None:
    """They say what IPython says: doctest mode, autocall, clearing, macros (S-217, S-220)."""
    for code, said in OLD_MAGICS.items():
        answer = execute(client, code)

        succeeded(answer)
        assert said in answer.text()


def test_a_macro_cannot_be_edited(client: Client) -> None:
    """There is no file to open; the error says so (S-216)."""
    execute(client, "%macro -q made 1")

    answer = execute(client, "%edit made", stop_on_error=False)

    assert "a macro cannot be edited" in failed(answer).evalue


def test_magics_are_described(client: Client) -> None:
    """A magic at the cursor is found, with its documentation (S-238)."""
    for code in ("%timeit", "%%timeit"):
        reply = client.inspect(code, len(code))

        assert reply.found
        assert "execution" in str(reply.data["text/plain"])


def test_cache_of_results_is_bounded(client: Client) -> None:
    """When it is full, old results go, with a warning (S-206)."""
    execute(client, "hook = get_ipython().displayhook; size, hook.cache_size = hook.cache_size, 5")
    warned = [execute(client, f"'result {n}'").text(StreamName.STDERR) for n in range(8)]
    kept = int(str(value(client, "len(Out)")))
    execute(client, "hook.cache_size = size")

    assert "Output cache limit" in "".join(warned)
    assert 0 < kept <= 5


def test_qtconsole_is_opened_on_this_kernel(
    client: Client, shared_kernel: KernelProcess, tmp_path: Path
) -> None:
    """It is given the connection file, and what else the user says (S-220)."""
    (tmp_path / "qtconsole.py").write_text(
        "import os, sys\n"
        "with open(f'{__file__}.new', 'w') as file: print(*sys.argv[1:], file=file)\n"
        "os.rename(f'{__file__}.new', f'{__file__}.txt')\n"
    )
    opened = tmp_path / "qtconsole.py.txt"
    code = (
        f"import os, pathlib; os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
        f"%qtconsole --style monokai\n"
        f"del os.environ['PYTHONPATH']\n"
        f"while not (opened := pathlib.Path({str(opened)!r})).exists(): pass\n"
        "print(opened.read_text(), end='')"
    )

    answer = execute(client, code)

    assert answer.text() == f"--existing {shared_kernel.connection_file} --style monokai\n"


LATER = """\
import sys
from IPython.core.magic import Magics, line_magic, magics_class
@magics_class
class Later(Magics):
    if not hasattr(sys, 'was_interrupted'):
        sys.was_interrupted = True
        @line_magic
        def lost(self, line): ...
        raise KeyboardInterrupt
    @line_magic
    def later(self, line):
        return 'here'
"""


@pytest.mark.skipif(
    "magic_kind" not in inspect.signature(MagicsManager.register_lazy).parameters,
    reason="this IPython imports the modules of its magics at the start",
)
def test_interrupted_first_use_of_a_magic(client: Client) -> None:
    """A magic whose module an interrupt kept from being imported is there when it is used again."""
    register = "get_ipython().magics_manager.register_lazy('later', 'later_magic:Later', 'line')"
    code = f"open('later_magic.py', 'w').write({LATER!r}); import sys; sys.path.insert(0, '')\n"
    succeeded(execute(client, f"{code}{register}"))

    first = failed(execute(client, "%later", stop_on_error=False))

    assert first.ename == "KeyboardInterrupt"
    assert result(execute(client, "%later")) == "'here'"
