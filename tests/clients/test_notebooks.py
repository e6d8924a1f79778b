"""Notebooks of three kinds, run by the programs that run notebooks without a person.

Each notebook is run once by each of them; the tests then read what came out.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import nbformat
import papermill  # type: ignore[import-untyped]  # it has no types
import pytest
import zmq
import zmq.asyncio
from jupyter_client.session import Session
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from tests import held_ports
from tests.clients._conversation import HANG_LIMIT_S, environment

NOTEBOOKS = Path(__file__).parent / "notebooks"

Run = Callable[[str], NotebookNode]
"""Run the notebook of this name and return it with its outputs."""


def read(file: Path) -> NotebookNode:
    """Return the notebook in *file*."""
    notebook: NotebookNode = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def notebook_of(*sources: str) -> NotebookNode:
    """Return a notebook with one code cell for each of *sources*."""
    cells = [new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    metadata = {"kernelspec": {"name": "assay", "language": "python", "display_name": "Assay"}}
    notebook: NotebookNode = new_notebook(  # type: ignore[no-untyped-call]
        cells=cells, metadata=metadata
    )
    return notebook


def write(notebook: NotebookNode, file: Path) -> Path:
    """Write *notebook* to *file* and return where it is."""
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]
    return file


def run_command(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an installed *program* as a person at a terminal would, and return what came of it."""
    return subprocess.run(
        [sys.executable, held_ports.__file__, program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_LIMIT_S,
        env=environment(),
    )


def with_nbclient(folder: Path, name: str) -> NotebookNode:
    """Run notebook *name* in this process, with *folder* as its own."""
    return client_of(read(NOTEBOOKS / f"{name}.ipynb"), folder).execute(env=environment())


def with_jupyter_execute(folder: Path, name: str) -> NotebookNode:
    """Run a copy of notebook *name* in place, with the kernel that is named in it."""
    copy = Path(shutil.copy(NOTEBOOKS / f"{name}.ipynb", folder))
    ended = run_command("jupyter-execute", "--inplace", str(copy))
    assert ended.returncode == 0, ended.stderr
    return read(copy)


def with_papermill(folder: Path, name: str) -> NotebookNode:
    """Run notebook *name* from the command line of papermill into *folder*."""
    result = folder / f"{name}.ipynb"
    ended = run_command(
        *("papermill", "--no-progress-bar", "--kernel", "assay", "--parameters"),
        *("samples", "6", "--cwd", str(folder), str(NOTEBOOKS / f"{name}.ipynb"), str(result)),
    )
    # Papermill goes on behind an error that is expected, and complains of it in the end.
    assert ended.returncode == 0 or "PapermillExecutionError" in ended.stderr, ended.stderr
    return read(result)


def with_papermill_inside(folder: Path, name: str) -> NotebookNode:
    """Do as `with_papermill` does, in this process."""
    result = folder / f"{name}.ipynb"
    source = NOTEBOOKS / f"{name}.ipynb"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        papermill.execute_notebook(
            source, result, kernel_name="assay", progress_bar=False, cwd=folder
        )
    return read(result)


RUNNERS = {
    "nbclient": with_nbclient,
    "jupyter execute": with_jupyter_execute,
    "papermill": with_papermill,
}


@pytest.fixture(scope="module", params=RUNNERS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A program that runs notebooks, with an empty folder."""
    return partial(RUNNERS[request.param], tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def attentive_client() -> Iterator[None]:
    """jupyter_client with a fault mended that leaves programs waiting, whatever the kernel.

    `Session.send` goes past the asyncio socket, through a second handle on the same one, and
    takes with it the event that would have told the loop of a message that has just come. Who
    sends while waiting for a reply, as nbclient does for output areas, may wait for ever. Asking
    for the socket's events afterwards makes the loop look.
    """
    send = Session.send

    # Any: as the method is typed.
    def send_and_look(session: Session, stream: Any, *arguments: Any, **options: Any) -> Any:
        message = send(session, stream, *arguments, **options)
        if isinstance(stream, zmq.asyncio.Socket):
            stream.get(zmq.EVENTS)
        return message

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "send", send_and_look)
        yield


@pytest.fixture(
    scope="module",
    params=[with_nbclient, with_papermill_inside],
    ids=["nbclient", "papermill"],
)
def areas(
    request: pytest.FixtureRequest,
    attentive_client: None,  # noqa: ARG001 - patches for the others
    tmp_path_factory: pytest.TempPathFactory,
) -> NotebookNode:
    """The notebook `output_areas` with its outputs."""
    notebook: NotebookNode = request.param(tmp_path_factory.mktemp("areas"), "output_areas")
    return notebook


def stored_states(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the states of all widgets, as they were stored in the notebook."""
    stored = notebook["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    return list(stored["state"].values())


def client_of(notebook: NotebookNode, folder: Path, **options: Any) -> NotebookClient:
    """Return nbclient's client for *notebook*, its kernel to be started in *folder*."""
    return NotebookClient(
        notebook,
        kernel_name="assay",
        resources={"metadata": {"path": str(folder)}},
        **options,
    )


def outputs(notebook: NotebookNode, cell: str) -> list[NotebookNode]:
    """Return the outputs of the cell with id *cell*."""
    (found,) = [each["outputs"] for each in notebook["cells"] if each["id"] == cell]
    return list(found)


def formats(notebook: NotebookNode, cell: str) -> list[set[str]]:
    """Return the formats of each output of the cell with id *cell*."""
    return [set(output["data"]) for output in outputs(notebook, cell)]


def streams(notebook: NotebookNode, cell: str) -> list[tuple[str, str]]:
    """Return name and text of each output of the cell with id *cell*, which are all streams.

    Adjacent ones of one name are joined: a slow print leaves as two messages, and not every client
    joins those.
    """
    named = groupby(outputs(notebook, cell), key=itemgetter("name"))
    return [(name, "".join(output["text"] for output in some)) for name, some in named]


def plain(notebook: NotebookNode, cell: str) -> str:
    """Return the only output of the cell with id *cell* as plain text."""
    (output,) = outputs(notebook, cell)
    return str(output["data"]["text/plain"])


@pytest.fixture(scope="module")
def plots(run: Run) -> NotebookNode:
    """The notebook `plots_and_tables` with its outputs."""
    return run("plots_and_tables")


@pytest.fixture(scope="module")
def widgets(run: Run) -> NotebookNode:
    """The notebook `widgets` with its outputs."""
    return run("widgets")


@pytest.fixture(scope="module")
def outcome(run: Run) -> NotebookNode:
    """The notebook `output_errors_input` with its outputs."""
    return run("output_errors_input")


class TestPlotsAndTables:
    """Matplotlib and pandas."""

    def test_table_is_html_and_text(self, plots: NotebookNode) -> None:
        """A table comes in both formats, as the result of its cell."""
        assert formats(plots, "table") == [{"text/html", "text/plain"}]

    def test_shown_plot_is_a_picture(self, plots: NotebookNode) -> None:
        """A plot that is shown is displayed once, as a picture."""
        assert formats(plots, "plot") == [{"image/png", "text/plain"}]

    def test_open_plot_is_shown_behind_its_cell(self, plots: NotebookNode) -> None:
        """A plot that is left open is displayed at the end of its cell, behind the result."""
        types = [output["output_type"] for output in outputs(plots, "axes")]

        assert types == ["execute_result", "display_data"]

    def test_displays_and_result_keep_their_order(self, plots: NotebookNode) -> None:
        """Displays come in the order they were made and the result comes last."""
        first_formats = [min(each) for each in formats(plots, "several")]

        assert first_formats == ["text/html", "image/png", "text/html"]

    def test_format_of_plots_can_be_chosen(self, plots: NotebookNode) -> None:
        """The configuration of the inline backend is followed."""
        assert formats(plots, "vector") == [{"image/svg+xml", "text/plain"}]

    def test_cells_are_counted(self, plots: NotebookNode) -> None:
        """Code cells are numbered from one in the order they were run."""
        counts = [cell.get("execution_count") for cell in plots["cells"]][1:]

        assert counts == list(range(1, len(counts) + 1))

    def test_language_is_written_down(self, plots: NotebookNode) -> None:
        """The kernel's description of its language ends up in the notebook."""
        assert plots["metadata"]["language_info"]["mimetype"] == "text/x-python"


class TestWidgets:
    """ipywidgets, with a program at the other end that stores their states."""

    @pytest.fixture
    def states(self, widgets: NotebookNode) -> list[NotebookNode]:
        """The states of all widgets."""
        return stored_states(widgets)

    def test_widget_has_a_view(self, widgets: NotebookNode) -> None:
        """A widget as result has the format that frontends draw."""
        (found,) = formats(widgets, "slider")

        assert "application/vnd.jupyter.widget-view+json" in found

    def test_observer_sees_the_change(self, widgets: NotebookNode) -> None:
        """A change made in Python is seen by who observes the value."""
        assert plain(widgets, "observed") == "[9]"

    def test_change_reaches_the_other_end(self, states: list[NotebookNode]) -> None:
        """The stored state of the slider has the value that was set last."""
        (slider,) = [
            each["state"]
            for each in states
            if each["model_name"] == "IntSliderModel" and each["state"]["description"] == "Weight"
        ]

        assert slider["value"] == 9

    def test_bytes_reach_the_other_end(self, states: list[NotebookNode]) -> None:
        """The bytes of a picture travel beside the message and are stored."""
        (image,) = [each for each in states if each["model_name"] == "ImageModel"]

        assert [buffer["path"] for buffer in image["buffers"]] == [["value"]]


class TestOutputAreas:
    """ipywidgets that take output, and a program that keeps what they took."""

    def test_area_takes_what_is_printed_in_it(self, areas: NotebookNode) -> None:
        """What is printed inside the output area appears there and not under the cell."""
        (_, below) = outputs(areas, "area")

        assert (plain(areas, "caught-text"), below["text"]) == ("['caught\\n']", "not caught\n")

    def test_area_takes_an_error(self, areas: NotebookNode) -> None:
        """An error inside the output area appears there and the cell goes on."""
        assert outputs(areas, "error-in-area") == []
        assert plain(areas, "caught-types") == "['stream', 'error']"

    def test_area_takes_a_plot(self, areas: NotebookNode) -> None:
        """A plot that is shown inside the area replaces what was there."""
        assert outputs(areas, "plot-in-area") == []
        assert plain(areas, "caught-formats") == "[['image/png', 'text/plain']]"

    def test_interaction_runs_its_function(self, areas: NotebookNode) -> None:
        """The function of an interaction is run once and its result put in an area."""
        results = [
            output["data"]["text/plain"]
            for each in stored_states(areas)
            if each["model_name"] == "OutputModel"
            for output in each["state"]["outputs"]
            if output["output_type"] == "display_data" and "image/png" not in output["data"]
        ]

        assert results == ["10"]

    def test_progress_is_a_widget(self, areas: NotebookNode) -> None:
        """A progress bar that suits itself to its surroundings finds a notebook."""
        (found,) = formats(areas, "progress")

        assert "application/vnd.jupyter.widget-view+json" in found


class TestOutputErrorsAndInput:
    """Much output, displays that change, expected errors and no user to ask."""

    def test_long_output_is_complete(self, outcome: NotebookNode) -> None:
        """Five thousand lines arrive whole and in order."""
        text = "".join(text for _, text in streams(outcome, "long"))

        assert text == "".join(f"line {i}\n" for i in range(5000))

    def test_streams_keep_their_order(self, outcome: NotebookNode) -> None:
        """Flushed writes to both streams stay in the order they were made."""
        assert streams(outcome, "both-streams") == [
            ("stdout", "0\n"),
            ("stderr", "1\n"),
            ("stdout", "2\n"),
            ("stderr", "3\n"),
        ]

    def test_progress_leaves_its_last_line(self, outcome: NotebookNode) -> None:
        """Of output that is cleared again and again, the last is left."""
        assert streams(outcome, "progress") == [("stdout", "100 %\n")]

    def test_display_is_updated_from_another_cell(self, outcome: NotebookNode) -> None:
        """An update changes the display where it stands."""
        assert (plain(outcome, "display"), outputs(outcome, "update")) == ("'done'", [])

    def test_descriptor_and_shell_are_seen(self, outcome: NotebookNode) -> None:
        """What a descriptor and a shell command wrote comes in order."""
        text = "".join(text for _, text in streams(outcome, "descriptor"))

        assert text.splitlines() == ["from the descriptor", "from the shell"]

    def test_cell_magic_has_both_streams(self, outcome: NotebookNode) -> None:
        """A cell that is run by another program has its output and its complaints."""
        assert set(streams(outcome, "bash")) == {
            ("stdout", "from bash\n"),
            ("stderr", "complaint\n"),
        }

    @pytest.mark.parametrize(
        ("cell", "error"), [("error", "ZeroDivisionError"), ("refused", "StdinNotImplementedError")]
    )
    def test_expected_error_is_kept(self, outcome: NotebookNode, cell: str, error: str) -> None:
        """An error that is expected stands under its cell and the notebook goes on."""
        assert [output["ename"] for output in outputs(outcome, cell)] == [error]

    def test_refused_input_can_be_handled(self, outcome: NotebookNode) -> None:
        """A cell can catch the error of there being no user to ask."""
        assert streams(outcome, "handled") == [("stdout", "nobody to ask\n")]

    def test_await_has_a_result(self, outcome: NotebookNode) -> None:
        """The value of an awaited expression is the result of its cell."""
        assert plain(outcome, "await") == "42"

    def test_thread_is_seen(self, outcome: NotebookNode) -> None:
        """What a thread prints stands under the cell that started it."""
        assert streams(outcome, "thread") == [("stdout", "from a thread\n")]

    def test_last_cell_is_reached(self, outcome: NotebookNode) -> None:
        """The notebook is run to its end."""
        assert plain(outcome, "end") == "'the end'"


class TestFailure:
    """Notebooks that do not reach their end."""

    def test_error_ends_the_notebook(self, tmp_path: Path) -> None:
        """An unexpected error is raised to who runs the notebook."""
        client = client_of(notebook_of("1 / 0", "'reached'"), tmp_path)

        with pytest.raises(CellExecutionError) as caught:
            client.execute(env=environment())

        assert (caught.value.ename, caught.value.evalue) == (
            "ZeroDivisionError",
            "division by zero",
        )

    def test_death_is_noticed(self, tmp_path: Path) -> None:
        """A kernel that ends in the middle of a cell is reported as dead."""
        client = client_of(notebook_of("import os; os._exit(3)"), tmp_path)

        with pytest.raises(DeadKernelError) as caught:
            client.execute(env=environment())

        assert "Kernel died" in str(caught.value)

    @pytest.mark.parametrize("allow_errors", [False, True])
    def test_sigterm_is_a_death(self, tmp_path: Path, allow_errors: bool) -> None:
        """A kernel that SIGTERM ends in a cell has died: no cell has failed, and none goes on."""
        code = "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(600)"
        notebook = notebook_of(code, "'not reached'")
        client = client_of(notebook, tmp_path, allow_errors=allow_errors)

        with pytest.raises(DeadKernelError):
            client.execute(env=environment())

        assert [cell["outputs"] for cell in notebook["cells"]] == [[], []]

    def test_endless_cell_is_interrupted(self, tmp_path: Path) -> None:
        """A cell that takes too long is interrupted, and the cells behind it run."""
        notebook = notebook_of("while True:\n    pass", "'reached'")
        client = client_of(
            notebook, tmp_path, timeout=1, interrupt_on_timeout=True, allow_errors=True
        )

        client.execute(env=environment())

        (error,) = notebook["cells"][0]["outputs"]
        (result,) = notebook["cells"][1]["outputs"]
        assert (error["ename"], result["data"]["text/plain"]) == ("KeyboardInterrupt", "'reached'")

    def test_jupyter_execute_says_so(self, tmp_path: Path) -> None:
        """The command fails when the notebook does, and shows the error."""
        file = write(notebook_of("1 / 0"), tmp_path / "failing.ipynb")

        ended = run_command("jupyter-execute", str(file))

        assert (ended.returncode != 0, "ZeroDivisionError" in ended.stderr) == (True, True)

    def test_papermill_says_so(self, tmp_path: Path) -> None:
        """Papermill fails when the notebook does, and leaves a notebook that shows where."""
        file = write(notebook_of("1 / 0", "'reached'"), tmp_path / "failing.ipynb")
        result = tmp_path / "result.ipynb"

        ended = run_command("papermill", "--no-progress-bar", str(file), str(result))

        cells = read(result)["cells"]
        reached = [cell["outputs"] for cell in cells if cell["source"] == "'reached'"]
        assert (ended.returncode != 0, reached) == (True, [[]])

    def test_papermill_takes_exit_zero_for_success(self, tmp_path: Path) -> None:
        """A notebook that exits with zero ends there, and papermill calls it well."""
        file = write(notebook_of("import sys; sys.exit(0)"), tmp_path / "leaving.ipynb")

        ended = run_command(
            "papermill", "--no-progress-bar", str(file), str(tmp_path / "result.ipynb")
        )

        assert ended.returncode == 0

    def test_papermill_passes_its_parameters(self, tmp_path: Path) -> None:
        """A parameter takes the place of the value that the notebook has for it."""
        result = tmp_path / "result.ipynb"

        ended = run_command(
            *("papermill", "--no-progress-bar", "--parameters", "samples", "6"),
            *(str(NOTEBOOKS / "plots_and_tables.ipynb"), str(result)),
        )

        assert (ended.returncode, plain(read(result), "count")) == (0, "6")
