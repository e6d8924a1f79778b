"""Control, interrupts and shutdown (spec/chapters/control.md)."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import looping, stop
from assay.conformance.checks._control import answers_info
from assay.conformance.checks._shutdown import must_serve_shutdown, shut_down
from assay.protocol import Channel
from assay.transport import KernelEndedError, LaunchError

__all__: list[str] = []

CONTROL = Channel.CONTROL

INTERRUPTED_S = 30.0
"""How long the code runs that is interrupted: much longer than any patience for its end."""


def _interrupt(kernel: Testee) -> None:
    kernel.own_process().interrupt()


def _only_with(kernel: Testee, mode: str) -> None:
    """Skip the check unless the kernelspec asks to be interrupted by *mode*."""
    found = kernel.own_process().interrupt_mode
    if found != mode:
        raise Skip(f"the kernelspec asks to be interrupted by {found}")


def _ended(kernel: Testee) -> bool:
    """Wait for the end of the process and return whether it came."""
    with suppress(LaunchError):
        kernel.own_process().wait(kernel.patience)
    return kernel.own_process().exit_code is not None


# Beside the running code


@check(
    "CTRL-01.1",
    "a kernel_info_request on control is answered while a cell runs",
    process=True,
    snippets=("loop",),
    slow=True,
    mistake="Control and shell are read by one loop, which the running code keeps waiting.",
)
def control_does_not_wait(kernel: Testee) -> Outcome:
    answers_info(kernel)
    cell = looping(kernel)
    asked = kernel.peer.send("kernel_info_request", channel=CONTROL)
    if not kernel.peer.wait_for(lambda: asked.replies):
        return failed("a kernel_info_reply while the cell runs", "none", cell, asked)
    if cell.replies:
        raise Skip("the endless cell has ended by itself")
    stop(kernel, cell)
    return passed()


@check(
    "CTRL-03.1",
    "a request on control has its own busy and idle while a cell runs",
    process=True,
    snippets=("loop",),
    slow=True,
    also=("CTRL-01",),
    mistake="The status is one for the whole kernel, so that control publishes none or ends that "
    "of the cell.",
)
def control_has_its_own_status(kernel: Testee) -> Outcome:
    cell = looping(kernel)
    asked = kernel.peer.ask("kernel_info_request", channel=CONTROL)
    asked.replied()
    for state, there in (("busy", asked.busy), ("idle", asked.idle)):
        if there is None:
            return failed(f"{state} with the request as parent", "none", asked)
    if cell.idle is not None:
        return failed("no idle of the cell that still runs", "one", cell, asked)
    stop(kernel, cell)
    return passed()


@check(
    "CTRL-03.2",
    "a request on control has busy and idle while nothing runs",
    mistake="What is answered on control publishes no status.",
)
def control_has_a_status(kernel: Testee) -> Outcome:
    asked = kernel.peer.ask("kernel_info_request", channel=CONTROL)
    asked.replied()
    if asked.busy is None or asked.idle is None:
        found = ", ".join(asked.types) or "nothing"
        return failed("busy and idle with the request as parent", found, asked)
    return passed()


@check(
    "CTRL-15.1",
    "a control request of an invented type does no harm",
    mistake="An unknown type raises in the thread that serves control.",
)
def unknown_request(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("assay_invented_request").unjudged()
    asked = kernel.peer.send(draft, channel=CONTROL)
    if not kernel.peer.quiet(CONTROL):
        return failed("an answer to the next request on control", "none", asked)
    return passed()


@check("CTRL-15.2", "a control request whose content is a list does no harm")
def content_of_another_kind(kernel: Testee) -> Outcome:
    draft = kernel.peer.draft("interrupt_request").with_parts(content=b"[]").unjudged()
    asked = kernel.peer.send(draft, channel=CONTROL)
    if not kernel.peer.quiet(CONTROL):
        return failed("an answer to the next request on control", "none", asked)
    return passed()


@check("CTRL-16.1", "what becomes of an execute_request on control", snippets=("result",))
def execution_on_control(kernel: Testee) -> Outcome:
    content = {"code": kernel.snippet("result", number=41), "silent": False}
    draft = kernel.peer.draft("execute_request", content).unjudged()
    asked = kernel.peer.send(draft, channel=CONTROL)
    if not kernel.peer.quiet(CONTROL):
        return failed("an answer to the next request on control", "none", asked)
    reply = asked.reply
    what = "it is ignored" if reply is None else f"it is answered with status {reply.status!r}"
    return note(f"an execute_request on control: {what}", evidence=(asked,))


# Interrupts


def _is_interrupted(kernel: Testee, cell: Response) -> Outcome:
    if not kernel.peer.wait_for(lambda: cell.replies):
        return failed("an execute_reply after the interrupt", "none", cell)
    # With which status it ends is for EXEC-30.1.
    kernel.peer.finish(cell)
    following = kernel.peer.execute(kernel.snippet("nothing"))
    if following.status != "ok":
        return failed("the next cell to succeed", f"status {following.status!r}", following)
    return passed()


@check(
    "CTRL-11.1",
    "SIGINT ends an endless loop, and the next cell runs",
    process=True,
    snippets=("loop", "nothing"),
    slow=True,
    mistake="The signal reaches a thread that does not run the code, or a handler that only notes "
    "it.",
)
def signal_interrupts_a_loop(kernel: Testee) -> Outcome:
    _only_with(kernel, "signal")
    cell = looping(kernel)
    _interrupt(kernel)
    return _is_interrupted(kernel, cell)


@check(
    "CTRL-11.2",
    "SIGINT ends a cell that sleeps, and the next cell runs",
    process=True,
    snippets=("print_and_sleep", "nothing"),
    slow=True,
    mistake="What waits outside of the interpreter is not woken, or the signal ends the process.",
)
def signal_interrupts_a_sleep(kernel: Testee) -> Outcome:
    _only_with(kernel, "signal")
    return _interrupted_sleep(kernel)


@check(
    "CTRL-11.3",
    "SIGINT does no harm while nothing runs",
    process=True,
    snippets=("nothing",),
    mistake="The signal has its default effect while the kernel waits, and ends the process.",
)
def signal_while_idle(kernel: Testee) -> Outcome:
    _only_with(kernel, "signal")
    _interrupt(kernel)
    if not kernel.peer.quiet(CONTROL) or not kernel.is_running:
        return failed("a kernel that answers", "none")
    cell = kernel.peer.execute(kernel.snippet("nothing"))
    if cell.status != "ok":
        return failed("the next cell to succeed", f"status {cell.status!r}", cell)
    return passed()


def _interrupted_sleep(kernel: Testee) -> Outcome:
    # Longer than any answer is waited for: what comes, comes of the interrupt.
    seconds = max(INTERRUPTED_S, 4 * kernel.patience)
    code = kernel.snippet("print_and_sleep", text="assay", seconds=seconds)
    cell = kernel.peer.execute(code, wait=False)
    if not kernel.peer.wait_for(lambda: "assay" in cell.text()):
        raise Skip("what the cell prints before it sleeps does not come while it runs")
    _interrupt(kernel)
    return _is_interrupted(kernel, cell)


@check(
    "CTRL-09.1",
    "an interrupt_request ends an endless loop and is answered with status ok",
    process=True,
    snippets=("loop", "nothing"),
    slow=True,
    mistake="The request is answered, and the code goes on; or it waits until the code has ended.",
)
def message_interrupts_a_loop(kernel: Testee) -> Outcome:
    _only_with(kernel, "message")
    cell = looping(kernel)
    asked = kernel.peer.send("interrupt_request", channel=CONTROL)
    if not kernel.peer.wait_for(lambda: asked.replies):
        return failed("an interrupt_reply", "none", asked)
    if asked.status != "ok":
        return failed("an interrupt_reply with status ok", f"status {asked.status!r}", asked)
    return _is_interrupted(kernel, cell)


@check(
    "CTRL-09.2",
    "an interrupt_request ends a cell that sleeps",
    process=True,
    snippets=("print_and_sleep", "nothing"),
    slow=True,
)
def message_interrupts_a_sleep(kernel: Testee) -> Outcome:
    _only_with(kernel, "message")
    return _interrupted_sleep(kernel)


@check(
    "CTRL-10.1",
    "an interrupt_request while nothing runs is answered with status ok and has no other effect",
    process=True,
    snippets=("nothing",),
    mistake="The interrupt is kept, and ends the next cell.",
)
def message_while_idle(kernel: Testee) -> Outcome:
    _only_with(kernel, "message")
    asked = kernel.peer.ask("interrupt_request", channel=CONTROL)
    if asked.status != "ok":
        return failed("an interrupt_reply with status ok", f"status {asked.status!r}", asked)
    cell = kernel.peer.execute(kernel.snippet("nothing"))
    if cell.status != "ok":
        return failed("the next cell to succeed", f"status {cell.status!r}", asked, cell)
    return passed()


@check(
    "CTRL-17.1",
    "an interrupt ends a cell that waits for input",
    process=True,
    snippets=("input", "nothing"),
    slow=True,
    mistake="The prompt waits in C code or for its socket alone, and never looks for interrupts.",
)
def interrupt_ends_a_prompt(kernel: Testee) -> Outcome:
    code = kernel.snippet("input", prompt="assay")
    cell = kernel.peer.execute(code, allow_stdin=True, wait=False)
    if not kernel.peer.wait_for(lambda: cell.prompts):
        raise Skip("the cell does not ask for input")
    _interrupt(kernel)
    return _is_interrupted(kernel, cell)


# Shutdown


def _replies_with(kernel: Testee, *, restart: bool) -> Outcome:
    asked = shut_down(kernel, restart=restart)
    wanted = {"status": "ok", "restart": restart}
    # One that goes on running leaves the request unserved, which it may (CTRL-20).
    if asked.reply is None and not kernel.is_running:
        return failed(f"a shutdown_reply with {wanted}", "none, and the process has ended", asked)
    reply = asked.replied()
    found = {key: reply.content.get(key) for key in wanted}
    if found["status"] != "ok" or found["restart"] is not restart:
        return failed(f"a shutdown_reply with {wanted}", f"{found}", asked)
    return passed()


@check(
    "CTRL-04.1",
    "a shutdown_request with restart false is answered with status ok and restart false",
    fresh=True,
    process=True,
    also=("SHELL-09",),
    mistake="The process ends before the reply has left its socket.",
)
def shutdown_is_answered(kernel: Testee) -> Outcome:
    return _replies_with(kernel, restart=False)


@check(
    "CTRL-04.2",
    "a shutdown_request with restart true is answered with status ok and restart true",
    fresh=True,
    process=True,
    mistake="The reply always says restart false.",
)
def restart_is_answered(kernel: Testee) -> Outcome:
    return _replies_with(kernel, restart=True)


@check(
    "CTRL-20.1",
    "a shutdown_request on control is answered",
    fresh=True,
    process=True,
    mistake="It is not implemented, and every launcher has to end the process by force.",
)
def shutdown_is_served(kernel: Testee) -> Outcome:
    asked = shut_down(kernel)
    return passed() if asked.replies else failed("a shutdown_reply", "none", asked)


@check(
    "CTRL-05.1",
    "the process ends by itself after a shutdown_request",
    fresh=True,
    process=True,
    mistake="A thread or an event loop keeps the process alive.",
)
def process_ends(kernel: Testee) -> Outcome:
    asked = shut_down(kernel)
    asked.replied()
    if not _ended(kernel):
        return failed("the end of the process", "it still runs", asked)
    return passed()


@check(
    "CTRL-06.1",
    "what a cell has left to be done at the end is done when the shutdown_reply comes",
    fresh=True,
    process=True,
    snippets=("at_exit",),
    ours=True,
    mistake="The reply is sent first, and the client that waits for it ends the process.",
)
def cleaned_up_before_the_reply(kernel: Testee) -> Outcome:
    with TemporaryDirectory(prefix="assay-check-") as folder:
        made = Path(folder) / "made"
        kernel.peer.execute(kernel.snippet("at_exit", path=made.as_posix())).succeeded()
        asked = shut_down(kernel)
        asked.replied()
        if made.exists():
            return passed()
        has_ended = _ended(kernel)
        found = "later" if made.exists() else "not at all" if has_ended else "not yet"
        return failed("at the reply, the file of an exit function", f"it came {found}", asked)


@check(
    "CTRL-07.1",
    "a client that asked for nothing receives the shutdown_reply on IOPub",
    fresh=True,
    process=True,
    mistake="The reply goes to the client that asked alone, and the others wait for a kernel that "
    "is gone.",
)
def shutdown_is_published(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    if not kernel.reaches(other):
        raise Skip("a second client receives nothing on IOPub")
    asked = shut_down(kernel)
    asked.replied()

    def broadcast() -> bool:
        return any(one.msg_type == "shutdown_reply" for one in other.on(Channel.IOPUB))

    # It is the kernel's last word, and its end may be seen at the same moment.
    with suppress(KernelEndedError):
        other.wait_for(broadcast)
    published = [one for one in other.on(Channel.IOPUB) if one.msg_type == "shutdown_reply"]
    if not published:
        return failed("a shutdown_reply on IOPub", "none", asked)
    if asked.reply is not None and published[0].msg_id == asked.reply.msg_id:
        return failed("a msg_id of its own", "that of the reply on control", asked, published[0])
    return passed()


@check(
    "CTRL-08.1",
    "a shutdown_request is answered while a cell runs, and the process ends",
    fresh=True,
    process=True,
    snippets=("loop",),
    slow=True,
    mistake="The request waits for the end of the cell, or the cell keeps the process alive.",
)
def shutdown_while_busy(kernel: Testee) -> Outcome:
    cell = looping(kernel)
    asked = shut_down(kernel)
    if asked.reply is None:
        must_serve_shutdown(kernel)
        return failed("a shutdown_reply", "none", cell, asked)
    if not _ended(kernel):
        return failed("the end of the process", "it still runs", asked)
    return passed()


@check(
    "CTRL-05.2",
    "the ports can be bound again once the process has ended",
    fresh=True,
    process=True,
    also=("CONN-03",),
)
def ports_are_free_again(kernel: Testee) -> Outcome:
    shut_down(kernel)
    if not _ended(kernel):
        raise Skip("the process does not end")
    with kernel.another(kernel.connection) as second:
        if not second.peer.quiet():
            return failed("a kernel on the same ports", "no answer")
    return passed()


@check(
    "SHELL-16.1",
    "a shutdown_request on shell is answered, and the process ends",
    fresh=True,
    process=True,
    mistake="Shutdown is served on control alone; older clients send it on shell.",
)
def shutdown_on_shell(kernel: Testee) -> Outcome:
    asked = kernel.peer.send("shutdown_request", {"restart": False})
    with suppress(KernelEndedError):
        kernel.peer.wait_for(lambda: asked.replies)
    if asked.reply is None:
        must_serve_shutdown(kernel)
        return failed("a shutdown_reply", "none", asked)
    if not _ended(kernel):
        return failed("the end of the process", "it still runs", asked)
    return passed()


AT_ONCE = 5.0
"""The part of the patience that an answer at once may take: a busy machine is slow as well."""


@check(
    "CTRL-02.1",
    "control answers at once while a cell runs",
    process=True,
    snippets=("loop",),
    slow=True,
    mistake="Control is read when the running code yields.",
)
def control_is_quick(kernel: Testee) -> Outcome:
    answers_info(kernel)
    cell = looping(kernel)
    taken = []
    for _ in range(3):
        asked = kernel.peer.send("kernel_info_request", channel=CONTROL)
        began = time.monotonic()
        if not kernel.peer.wait_for(lambda: asked.replies):  # noqa: B023 - called at once
            return failed("an answer while the cell runs", "none", cell, asked)
        taken.append(time.monotonic() - began)
    if cell.replies:
        raise Skip("the endless cell has ended by itself")
    limit = kernel.patience / AT_ONCE
    if min(taken) > limit:
        return failed(f"an answer within {limit:.1f} s", f"{min(taken):.1f} s at best", cell)
    stop(kernel, cell)
    return passed()
