"""Engines of a real cluster: an unmodified controller and client of ipyparallel drive them."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FunctionType
from typing import Any

import ipyparallel as ipp
import numpy as np
import pexpect
import pytest
import zmq
from ipyparallel import error as remote
from jupyter_client.blocking.client import BlockingKernelClient

from assay.protocol import (
    ApplyRequest,
    Channel,
    ConnectionFile,
    ErrorReply,
    MsgId,
    Session,
    SessionId,
    ShutdownRequest,
)
from assay.transport import Client
from tests.clients.test_console import PATIENT_CONSOLE
from tests.kernel._kernels import begin
from tests.kernel._probe import LOAD
from tests.kernel.engine._cluster import TestCluster, running_cluster
from tests.limits import HANG_LIMIT_S

pytestmark = [
    # What ipyparallel, tornado and dateutil warn of in the client is not ours.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCluster]:
    """The cluster of the module, with two engines that all tests leave as they were."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: TestCluster) -> ipp.Client:
    """Its client."""
    client = cluster.client()
    cluster.start_engines(client, 2)
    return client


@pytest.fixture
def both(client: ipp.Client) -> Any:
    """A view of the two engines, whose namespaces are empty."""
    view = client[[0, 1]]
    client.clear([0, 1], block=True)
    view.block = False
    return view


def got(result: Any) -> Any:
    """Return the value of an AsyncResult, or raise its error."""
    return result.get(timeout=HANG_LIMIT_S)


def call(view: Any, function: Any, *args: object, **kwargs: object) -> Any:
    """Let the engines call *function*, which lives in their namespace and not in this module."""
    if isinstance(function, FunctionType) and function.__module__ == __name__:
        function = ipp.interactive(function)
    return view.apply_async(function, *args, **kwargs)


def shown(result: Any) -> Any:
    """Wait for a result and for all that was published for it."""
    got(result)
    assert result.wait_for_output(HANG_LIMIT_S)
    return result


def test_a_direct_view_calls_functions_and_moves_objects(both: Any) -> None:
    """apply, map, push, pull, scatter and gather work; arrays arrive whole."""
    array = np.arange(100_000, dtype="f8").reshape(100, 1000)
    got(both.push({"array": array, "n": 3}))

    assert got(call(both, lambda a, b=1: a * b, 6, b=7)) == [42, 42]
    assert got(both.map(ipp.interactive(lambda x: x * x), range(5))) == [0, 1, 4, 9, 16]
    assert got(call(both, lambda: n * 2)) == [6, 6]  # type: ignore[name-defined]  # noqa: F821 - the engine's
    assert all((found == array).all() for found in got(both.pull("array")))
    got(both.scatter("part", np.arange(10)))
    assert got(both.pull("part"))[1].tolist() == [5, 6, 7, 8, 9]
    assert got(both.gather("part")).tolist() == list(range(10))


def test_an_array_is_not_copied_on_the_engine(both: Any) -> None:
    """What a task gets is a view of the frame that it came in."""

    def describe(array: Any) -> tuple[bool, bool]:
        return array.flags.writeable, array.flags.owndata

    assert got(call(both, describe, np.zeros(1_000_000))) == [(True, False)] * 2


def test_what_is_pulled_is_not_copied_on_the_engine(both: Any) -> None:
    """Nor does it need its memory once more."""

    def most() -> int:
        import resource  # noqa: PLC0415 - it runs in the engine's namespace

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    one = both.client[0]
    size_kib = 64 * 1024
    got(one.push({"array": np.zeros(size_kib * 1024, "u1")}))
    before = got(call(one, most))
    found = got(one.pull("array"))

    assert found.nbytes == size_kib * 1024
    assert got(call(one, most)) - before < size_kib / 2


def test_a_result_is_what_it_was_when_its_task_ended(both: Any) -> None:
    """What comes behind it changes the array, and waits until it has left (decision 0026)."""

    def increase() -> None:
        array.__iadd__(1)  # type: ignore[name-defined]  # noqa: F821 - the engine's

    one = both.client[0]
    got(one.push({"array": np.zeros(4_000_000)}))
    for number in range(6):
        pulled = one.pull("array")
        increased = call(one, increase)

        found = got(pulled)
        assert (float(found.min()), float(found.max())) == (number, number)
        got(increased)


@pytest.mark.parametrize("count", [1_000, 100_000])
def test_arrays_are_changed_in_place(both: Any, count: int) -> None:
    """A task may write to the arrays that it gets, and to those that were pushed or scattered, be
    their frames small or large; what the client has stays as it was."""

    def increase(array: Any) -> Any:
        array += 1
        return array

    zeros = np.zeros(2 * count)
    results = got(call(both, increase, zeros))
    got(both.push({"pushed": zeros}))
    got(both.scatter("part", zeros))
    got(both.execute("pushed += 1; part += 2"))

    assert [float(result.sum()) for result in results] == [2 * count] * 2
    assert [float(pushed.sum()) for pushed in got(both.pull("pushed"))] == [2 * count] * 2
    assert float(got(both.gather("part")).sum()) == 4 * count
    assert not zeros.any()


def test_output_and_results_arrive_with_the_result(both: Any) -> None:
    """Streams, displays and results belong to their AsyncResult; silent code has no number."""
    code = "print('hello'); import sys; print('oh', file=sys.stderr); display(1 + 1); 6 * 7"
    loud = shown(both.execute(code, silent=False))
    silent = shown(both.execute("print('quiet'); 1"))
    called = shown(call(both, lambda: print("called")))

    assert loud.stdout == ["hello\n"] * 2
    assert loud.stderr == ["oh\n"] * 2
    assert [len(outputs) for outputs in loud.outputs] == [1, 1]
    assert [r["data"]["text/plain"] for r in loud.execute_result] == ["42", "42"]
    assert silent.stdout == ["quiet\n"] * 2
    assert silent.execute_result == [None, None]
    assert called.stdout == ["called\n"] * 2
    assert called.engine_id == [0, 1]
    assert all(called.completed[i] >= called.started[i] for i in (0, 1))


def test_top_level_await_is_answered(both: Any) -> None:
    """Code that awaits runs on the engine's loop, and a task finds the loop running."""

    def start() -> bool:
        import asyncio  # noqa: PLC0415

        globals()["task"] = asyncio.ensure_future(asyncio.sleep(0, "done"))
        return asyncio.get_running_loop().is_running()

    got(both.execute("import asyncio; value = await asyncio.sleep(0.01, 5)"))

    assert got(both.pull("value")) == [5, 5]
    assert got(call(both, start)) == [True, True]
    got(both.execute("outcome = await task"))
    assert got(both.pull("outcome")) == ["done", "done"]


def test_an_error_names_its_engine(both: Any) -> None:
    """The client raises it with the engine's number, the method and the whole traceback."""

    def fail() -> None:
        raise ValueError("of the task")

    for result, method in ((call(both, fail), "apply"), (both.execute("1/0"), "execute")):
        with pytest.raises(remote.CompositeError) as caught:
            got(result)

        assert caught.value.elist[0][3] == {
            "engine_id": 0,
            "engine_uuid": both.client._engines[0],
            "method": method,
        }
    with pytest.raises(remote.RemoteError) as single:
        got(call(both.client[1], fail))
    assert str(single.value).startswith("[1:apply] ValueError: of the task")
    plain = re.sub("\x1b\\[[0-9;]*m", "", "\n".join(single.value.render_traceback()))
    assert 'raise ValueError("of the task")' in plain


def test_a_task_that_fails_is_published_once_and_leaves_nothing(
    cluster: TestCluster, both: Any
) -> None:
    """One error, under the engine's topic; the namespace holds what it held, hidden names too
    (S-086, S-091, S-112)."""
    one = both.client[0]
    names = "sorted(n for n in globals() if n[:2] != '_i')"  # of cells
    got(one.push({"kept": 1}))
    before = shown(one.execute(f"print({names})")).stdout
    fields = json.loads(cluster.file("client").read_text())
    with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        subscriber.linger = 0
        subscriber.subscribe(b"engine.0.")
        subscriber.connect(f"{fields['interface']}:{fields['iopub']}")
        while not subscriber.poll(10):  # until the schedulers know of the subscription
            got(one.execute("pass", silent=False))
        task = call(one, lambda: 1 / 0)
        with pytest.raises(remote.RemoteError):
            got(task)
        msg_id = task.msg_ids[0].encode()
        heard: list[list[bytes]] = []
        while not heard or b'"idle"' not in heard[-1][-1] or msg_id not in heard[-1][4]:
            assert subscriber.poll(int(HANG_LIMIT_S * 1000))
            heard.append(subscriber.recv_multipart())
    of_task = [frames[0] for frames in heard if msg_id in frames[4]]

    assert of_task == [b"engine.0.status", b"engine.0.error", b"engine.0.status"]
    assert "'kept'" in str(before)
    assert shown(one.execute(f"print({names})")).stdout == before


def test_an_error_whose_text_fails_is_answered(both: Any) -> None:
    """An exception with a `__str__` that raises ends its task alone."""

    def fail() -> None:
        class BadError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        raise BadError

    for result in (
        call(both, fail),
        both.execute("raise SystemExit"),
        call(both, lambda: __import__("sys").exit(3)),
    ):
        with pytest.raises(remote.CompositeError):
            got(result)
    assert got(call(both, os.getpid))


QUEUED = f"""
{LOAD}
import time
while probe.queued() < {{count}}:
    time.sleep(0.01)
"""
"""Waits until so many requests wait behind it."""


def test_a_failed_cell_aborts_those_behind_it_alone(both: Any) -> None:
    """Queued cells are not run; functions are, and what is sent after the reply."""
    first = both.execute(QUEUED.format(count=2) + "1/0", silent=False)
    queued = both.execute("aborted = 1", silent=False)
    task = call(both, lambda: "run")
    with pytest.raises(remote.CompositeError):
        got(first)
    queued.wait(HANG_LIMIT_S)

    assert queued.status == ["aborted", "aborted"]
    assert got(task) == ["run", "run"]
    got(both.execute("later = 1", silent=False))
    assert got(both.pull("later")) == [1, 1]


def test_a_silent_cell_that_fails_aborts_nothing(both: Any) -> None:
    """Clients execute silently by default, and queue what has nothing to do with each other."""
    first = both.execute(QUEUED.format(count=1) + "1/0")
    queued = both.execute("quiet = 1")
    with pytest.raises(remote.CompositeError):
        got(first)
    got(queued)

    assert got(both.pull("quiet")) == [1, 1]


GATE = """
import os
from ipyparallel.datapub import publish_data
publish_data({{"queued": 1}})
while not os.path.exists({path!r}):
    time.sleep(0.01)
"""
"""Says that they wait, and goes on once there is a file at the path."""


def test_tasks_are_aborted_while_one_runs(both: Any, tmp_path: Path) -> None:
    """By id and all together; the running one goes on."""
    one = both.client[0]
    ways: list[Callable[[list[Any]], object]] = [
        lambda tasks: one.abort(tasks[0], block=True),
        lambda _: one.abort(block=True),
    ]
    for abort, survive in zip(ways, ([False, True, True, True], [False] * 4), strict=True):
        gate = tmp_path / str(len(survive) + sum(survive))
        running = one.execute(QUEUED.format(count=4) + GATE.format(path=str(gate)))
        tasks = [call(one, os.getpid) for _ in range(4)]
        while not running.ready() and not running.data.get("queued"):
            both.client.wait(timeout=0.01)  # what a cell publishes comes before its end
        abort(tasks)
        gate.touch()
        got(running)
        for task in tasks:
            task.wait(HANG_LIMIT_S)

        assert running.status == "ok"
        assert [task.status != "aborted" for task in tasks] == survive


def run_on() -> None:
    """Say that it runs, and run until it is interrupted; on an engine."""
    from time import sleep  # noqa: PLC0415 - there

    from ipyparallel.datapub import publish_data  # noqa: PLC0415 - there

    publish_data({"ready": 1})
    sleep(600)


def running(view: Any) -> Any:
    """Return the result of a task that runs on all engines of *view*."""
    task = call(view, run_on)
    while not task.ready() and not all(part.get("ready") for part in task.data):
        view.client.wait(timeout=0.01)  # what a task publishes comes before its end
    return task


def test_clear_empties_the_namespace(both: Any) -> None:
    """Names are gone, the process stays."""
    pids = got(call(both, os.getpid))
    got(both.push({"x": 1}))

    both.client.clear([0, 1], block=True)

    with pytest.raises(remote.CompositeError):
        got(both.pull("x"))
    assert got(call(both, os.getpid)) == pids


def test_any_engine_takes_tasks_of_a_balanced_view(both: Any) -> None:
    """map, graph dependencies and functional ones work, and what no engine can do fails."""
    view = both.client.load_balanced_view([0, 1])
    got(both.client[1].push({"here": True}))

    def pid() -> int:
        import os  # noqa: PLC0415 - on the engine

        return os.getpid()

    needs = ipp.depend(ipp.interactive(lambda: "here" in globals()))(ipp.interactive(pid))

    assert got(view.map_async(ipp.interactive(lambda x: x + 1), range(50))) == list(range(1, 51))
    assert {got(call(view, needs)) for _ in range(3)} == {got(call(both, os.getpid))[1]}
    first = call(view, os.getpid)
    with view.temp_flags(after=first, follow=first):
        second = call(view, os.getpid)
    assert got(first) == got(second)
    got(both.client[1].execute("del here"))
    with pytest.raises(remote.RemoteError) as caught:
        got(call(view, needs))
    assert caught.value.ename in {"ImpossibleDependency", "UnmetDependency"}


def test_a_broadcast_reaches_each_engine(both: Any) -> None:
    """One message goes to all by the tree of schedulers, and each answers."""
    view = both.client.broadcast_view([0, 1])

    assert got(call(view, os.getpid)) == got(call(both, os.getpid))
    got(view.execute("seen = 1", block=False))
    assert got(both.pull("seen")) == [1, 1]


def test_an_interrupt_ends_the_running_task_alone(both: Any) -> None:
    """SIGINT by signal_request raises KeyboardInterrupt there; idle engines ignore it."""
    both.client.send_signal(signal.SIGINT, targets=[0, 1], block=True)
    task = running(both)
    both.client.send_signal(signal.SIGINT, targets=[0, 1], block=True)

    with pytest.raises(remote.CompositeError) as caught:
        got(task)
    assert {kind for kind, *_ in caught.value.elist} == {"KeyboardInterrupt"}
    with pytest.raises(remote.RemoteError):
        both.client.send_signal("SIGNONE", targets=[0, 1], block=True)


def show_and_be_struck() -> None:
    """Show an error that is caught, and be interrupted when the task is over; on an engine."""
    import signal  # noqa: PLC0415 - runs on an engine
    import sys  # noqa: PLC0415

    from IPython import get_ipython  # noqa: PLC0415

    try:
        int("no number")
    except ValueError:
        get_ipython().showtraceback()

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_qualname == "EngineInterpreter.run_task":
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(watch)


def test_an_interrupt_behind_a_task_is_not_the_error_that_it_has_shown(both: Any) -> None:
    """A task that has caught and shown an error fails with the interrupt behind it (EXEC-17)."""
    struck = call(both, show_and_be_struck)

    with pytest.raises(remote.CompositeError) as caught:
        got(struck)

    assert [kind for kind, *_ in caught.value.elist] == ["KeyboardInterrupt"] * 2
    assert got(both.apply(len, "next")) == [4, 4]


def test_classes_of_the_session_are_the_same_on_both_sides(both: Any) -> None:
    """A class that was defined by execute is found when its object is pulled and pushed back."""
    got(both.execute("class Point:\n    def __init__(self, x):\n        self.x = x"))
    got(both.execute("point = Point(3)"))
    got(both.execute("import pickle; twin = pickle.loads(pickle.dumps(point))"))

    assert got(call(both, lambda: (twin.x, type(twin) is Point))) == [(3, True)] * 2  # type: ignore[name-defined]  # noqa: F821


def test_the_ends_of_engines_are_noticed_at_once(cluster: TestCluster, client: ipp.Client) -> None:
    """One that is killed fails its task; a shutdown ends with 0 and SIGTERM while busy at once."""
    engines = cluster.start_engines(client, 3)
    numbers = sorted(client.ids)[-3:]
    pids = dict(zip(client[numbers].apply_sync(os.getpid), numbers, strict=True))
    busy = running(client[numbers])
    killed, stopped, shut = engines
    client.send_signal(signal.SIGKILL, targets=pids[killed.pid], block=True)
    stopped.terminate()
    client.send_signal(signal.SIGINT, targets=pids[shut.pid], block=True)
    with pytest.raises(remote.CompositeError) as caught:
        got(busy)
    client.shutdown(targets=pids[shut.pid], block=True)

    kinds = sorted(kind for kind, *_ in caught.value.elist)
    assert kinds == ["EngineError", "EngineError", "KeyboardInterrupt"]
    assert killed.wait(HANG_LIMIT_S) == -signal.SIGKILL
    assert stopped.wait(HANG_LIMIT_S) == 128 + signal.SIGTERM
    assert shut.wait(HANG_LIMIT_S) == 0
    assert "Traceback" not in cluster.output(shut)


def test_an_engine_that_was_dropped_while_it_was_stopped_ends(
    cluster: TestCluster, client: ipp.Client
) -> None:
    """Once it goes on it asks the hub, which does not list it any more, and says why it ends."""
    (engine,) = cluster.start_engines(client, 1)
    number = max(client.ids)
    client[number].apply_sync(os.getpid)
    cluster.wait_for_pings(4)  # it has asked whether it is listed, and need not ask again
    engine.send_signal(signal.SIGSTOP)
    cluster.wait_for_pings(5)  # of which it misses more than two
    cluster.unregister(client, number)
    while number in client.ids:
        client.wait(timeout=0.01)
    engine.send_signal(signal.SIGCONT)

    assert engine.wait(HANG_LIMIT_S) == 1
    assert "has dropped this engine" in cluster.output(engine)


def test_a_file_of_a_controller_that_is_gone_is_refused(
    cluster: TestCluster, tmp_path: Path
) -> None:
    """The engine says what it wanted, and ends with 1."""
    text = cluster.file("engine").read_text()
    gone = tmp_path / "gone-engine.json"
    fields = json.loads(text)
    gone.write_text(json.dumps({**fields, "registration": 1}))
    engine = cluster.start_engine(f"--file={gone}", "--timeout=0.2")

    assert engine.wait(HANG_LIMIT_S) == 1
    assert "wanted an answer of the controller" in cluster.output(engine)


def test_an_engine_can_be_entered_as_a_kernel(both: Any) -> None:
    """`bind_kernel` writes a connection file, once; its clients share the engine's variables."""
    one = both.client[0]
    path = got(call(one, ipp.bind_kernel))
    got(one.push({"x": 6}))
    kernel = BlockingKernelClient(connection_file=path)
    kernel.load_connection_file()
    kernel.start_channels()
    try:
        kernel.wait_for_ready(timeout=HANG_LIMIT_S)
        reply = kernel.execute("y = x * 7", reply=True, timeout=HANG_LIMIT_S)
    finally:
        kernel.stop_channels()

    assert reply["content"]["status"] == "ok"
    assert got(one.pull("y")) == 42
    assert got(one.execute("import ipyparallel; again = ipyparallel.bind_kernel()")) is not None
    assert got(one.pull("again")) == path


@contextmanager
def console_on(path: str) -> Iterator[Any]:
    """`jupyter console --existing` with the file *path*, at its first prompt."""
    console = pexpect.spawn(
        sys.executable,
        ["-c", PATIENT_CONSOLE, "--existing", path, "--simple-prompt"],
        env={**os.environ, "TERM": "dumb"},
        encoding="utf-8",
        timeout=HANG_LIMIT_S,
    )
    try:
        console.expect(r"In \[\d+\]: ")
        yield console
    finally:
        console.close(force=True)


def test_a_console_enters_an_engine_and_leaves_it(both: Any) -> None:
    """`jupyter console --existing` shares the engine's variables; the engine goes on."""
    one = both.client[0]
    got(one.push({"x": 6}))
    with console_on(got(call(one, ipp.bind_kernel))) as console:
        console.sendline("y = x * 7; print(f'found {y}')")
        console.expect("found 42")
        console.sendeof()
        console.expect("exit")
        console.sendline("y")
        console.expect(pexpect.EOF)

    assert got(one.pull("y")) == 42


def embed_in_task(number: int) -> int:
    """Embed a kernel; on an engine."""
    import assay.kernel  # noqa: PLC0415 - there

    local = number * 2
    print("before")
    assay.kernel.embed()
    print("behind")
    return local


def embedded(result: Any) -> str:
    """Return the connection file that the task of *result* names, once it does."""
    hint = re.compile(r"--existing (\S+)\n")
    while (found := hint.search(result.stderr or "")) is None and not result.ready():
        result.wait(timeout=0.01)
    assert found is not None, got(result)
    return found[1]


@contextmanager
def inside(result: Any) -> Iterator[Client]:
    """A client of the kernel that the task of *result* embeds."""
    with Client(ConnectionFile.read(embedded(result))) as client:
        client.wait_until_ready(HANG_LIMIT_S)
        yield client


def test_tasks_of_two_engines_embed_kernels_at_once(both: Any) -> None:
    """Each in the scope of its task, which goes on when a client ends it; what is printed inside is
    shown there alone."""
    got(both.push({"x": 3}))
    first, second = (call(both.client[n], embed_in_task, n + 5) for n in (0, 1))
    with inside(first) as one, inside(second) as other:
        seen = [text(client, "print('in'); print(local, number, x)") for client in (one, other)]
        failed = one.execute("1/0", timeout=HANG_LIMIT_S)
        other.request(ShutdownRequest(), channel=Channel.CONTROL, timeout=HANG_LIMIT_S)
        one.execute("exit", timeout=HANG_LIMIT_S)

    assert seen == ["in\n10 5 3\n", "in\n12 6 3\n"]
    assert isinstance(failed.content, ErrorReply)
    assert [got(first), got(second)] == [10, 12]
    assert [shown(one).stdout for one in (first, second)] == ["before\nbehind\n"] * 2


def text(client: Client, code: str) -> str:
    """Return what *code* prints."""
    return client.execute(code, timeout=HANG_LIMIT_S).text()


def test_a_console_enters_a_cell_that_embeds(both: Any) -> None:
    """It shares the engine's own variables, and `exit` in it lets the cell go on."""
    one = both.client[0]
    code = "x = 6; import assay.kernel; assay.kernel.embed(); x + 1"
    result = one.execute(code, silent=False)
    with console_on(embedded(result)) as console:
        console.sendline("x = x * 7; print(f'found {x}')")
        console.expect("found 42")
        console.sendline("exit")
        console.expect(pexpect.EOF)

    assert shown(result).metadata["execute_result"]["data"]["text/plain"] == "43"
    assert got(one.pull("x")) == 42


@pytest.mark.parametrize("forms", ["first", "second"])
def test_an_engine_that_is_killed_leaves_no_connection_files(
    cluster: TestCluster, client: ipp.Client, monkeypatch: pytest.MonkeyPatch, forms: str
) -> None:
    """Neither of the kernel that it is itself, nor of one that a task embeds; where the system
    shows the end of a process, and where it does not and the launcher has not asked either."""
    if forms == "second":
        monkeypatch.setitem(cluster.env, "ASSAY_TEST_PORTABLE", "1")
    (engine,) = cluster.start_engines(client, 1)
    one = client[max(client.ids)]
    paths = [Path(got(call(one, ipp.bind_kernel)))]
    ended = call(one, embed_in_task, 1)
    with inside(ended) as guest:
        guest.execute("exit", timeout=HANG_LIMIT_S)
    got(ended)
    result = call(one, embed_in_task, 1)
    paths.append(Path(embedded(result)))
    were_there = [path.exists() for path in paths]
    engine.kill()
    with pytest.raises(remote.RemoteError) as caught:
        got(result)

    assert caught.value.ename == "EngineError"
    assert were_there == [True, True]
    assert [path.exists() for path in paths] == [False, False]


def test_an_interrupt_of_the_cluster_ends_an_embedded_kernel(both: Any) -> None:
    """First the cell that runs in it, then, where none does, the task; the engine goes on."""
    one = both.client[0]
    result = call(one, embed_in_task, 1)
    with inside(result) as client:
        running = begin(client, "print('begun')\nwhile True: pass", until="begun")
        one.client.send_signal(signal.SIGINT, targets=0, block=True)
        struck = client.finish(running, timeout=HANG_LIMIT_S)
        one.client.send_signal(signal.SIGINT, targets=0, block=True)
        with pytest.raises(remote.RemoteError) as caught:
            got(result)

    assert isinstance(struck.content, ErrorReply)
    assert struck.content.ename == caught.value.ename == "KeyboardInterrupt"
    assert got(call(one, lambda: 5)) == 5


def test_a_cluster_with_curve_has_no_key_and_no_way_in(tmp_path: Path) -> None:
    """All connections are encrypted, also the heart's; `bind_kernel` would listen without a key."""
    with running_cluster(tmp_path, "--IPController.enable_curve=True") as cluster:
        assert not json.loads(cluster.file("engine").read_text())["key"]
        client = cluster.client()
        (engine,) = cluster.start_engines(client, 1)
        one = client[0]

        assert got(call(one, os.getpid)) == engine.pid
        assert got(one.map(ipp.interactive(lambda x: x + 1), range(3))) == [1, 2, 3]
        with pytest.raises(remote.RemoteError) as caught:
            got(call(one, ipp.bind_kernel))
        assert caught.value.ename == "EntranceError"
        client.send_signal(signal.SIGINT, targets=0, block=True)
        client.shutdown(block=True)
        assert engine.wait(HANG_LIMIT_S) == 0
        assert "WARNING" not in cluster.output(engine)


@pytest.mark.parametrize(
    ("pack", "unpack"), [("msgpack.packb", "msgpack.unpackb"), ("pickle", "pickle")]
)
def test_a_cluster_may_pack_otherwise_than_as_json(tmp_path: Path, pack: str, unpack: str) -> None:
    """Named as ipyparallel's users do; all that goes by messages works, and failures do."""
    options = f"--Session.packer={pack}", f"--Session.unpacker={unpack}"
    with running_cluster(tmp_path, *options) as cluster:
        file = json.loads(cluster.file("engine").read_text())
        client = cluster.client()
        (engine,) = cluster.start_engines(client, 1)
        one, balanced = client[:], client.load_balanced_view()
        one.block = False
        got(one.push({"array": np.arange(1000), "text": "ä"}))
        shown_there = shown(one.execute("print(text); 6 * 7", silent=False))
        with pytest.raises(remote.CompositeError) as caught:
            got(call(one, lambda: 1 / 0))
        fetched = got(one.pull(["array", "text"]))
        squares = got(balanced.map_async(ipp.interactive(lambda n: n * n), range(20)))
        client.send_signal(0, block=True)
        client.shutdown(block=True)

        assert (file["pack"], file["unpack"]) == (pack, unpack)
        assert shown_there.stdout == ["ä\n"]
        assert [(a.tolist(), text) for a, text in fetched] == [(list(range(1000)), "ä")]
        assert [kind for kind, *_ in caught.value.elist] == ["ZeroDivisionError"]
        assert squares == [n * n for n in range(20)]
        assert engine.wait(HANG_LIMIT_S) == 0
        assert "dropped" not in cluster.output(engine)


def test_what_is_not_signed_is_not_unpickled(
    cluster: TestCluster, client: ipp.Client, both: Any, tmp_path: Path
) -> None:
    """A task with another key's signature, or with none, is dropped before it is read."""
    marker = tmp_path / "unpickled"
    session = Session(b"another key", session=SessionId("x"), now=now, new_id=lambda: MsgId("m"))
    forged = session.pack(ApplyRequest(), buffers=[pickle.dumps(Trap(str(marker)))] * 2)
    unsigned = [forged[0], b"", *forged[2:]]
    fields = json.loads(cluster.file("client").read_text())
    with zmq.Context() as context, context.socket(zmq.DEALER) as sender:
        sender.linger = 0
        sender.connect(f"{fields['interface']}:{fields['mux']}")
        for frames in (forged, unsigned):
            sender.send_multipart([client._engines[0].encode(), *frames])
        # The engine has read both when it has answered what the same scheduler brings behind them.
        trusted = client.session.clone()
        sender.send_multipart(
            [client._engines[0].encode(), *trusted.serialize(trusted.msg("kernel_info_request"))]
        )
        assert sender.poll(int(HANG_LIMIT_S * 1000))
        assert b'"kernel_info_reply"' in b"".join(sender.recv_multipart())

    assert not marker.exists()
    assert got(call(both, os.getpid))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self._path,)


def now() -> datetime:
    """Return the date."""
    return datetime.now(UTC)
