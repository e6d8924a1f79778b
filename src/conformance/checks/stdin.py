"""Asking for input (spec/chapters/stdin.md)."""

from __future__ import annotations

from assay.conformance._check import check
from assay.conformance._outcome import Outcome, Skip, failed, note, passed
from assay.conformance._peer import Peer
from assay.conformance._response import Response
from assay.conformance._testee import Testee
from assay.conformance.checks._cells import (
    DEFAULTS,
    execution,
    lines,
    must_have_asked,
    must_run,
    new_name,
    not_alive,
    printed,
)
from assay.conformance.checks._shape import BOOLEAN, TEXT, has_shape
from assay.conformance.checks._shutdown import must_serve_shutdown, shut_down
from assay.protocol import Channel

__all__: list[str] = []

STDIN = Channel.STDIN

VALUES = ("plain", "", "  two blanks  ", "\u00e9\u4e2d\U0001f600", "a\\b\"c'd", "0")
"""Answers that a careless kernel changes."""


def _ask(kernel: Testee, snippet: str = "input", *, peer: Peer | None = None) -> Response:
    """Run code that asks, and return it when it has asked.

    Raises:
        Skip: it does not ask; STDIN-01 leaves that to the kernel.
    """
    asking = peer or kernel.peer
    cell = asking.execute(kernel.snippet(snippet, prompt="assay"), allow_stdin=True, wait=False)
    asking.wait_for(lambda: cell.prompts or cell.replies)
    must_have_asked(cell)
    return cell


def _end(peer: Peer, cell: Response) -> None:
    """Answer all prompts of *cell* and wait for its end."""
    answered = 0
    while peer.wait_for(lambda: cell.replies or len(cell.prompts) > answered):  # noqa: B023 - called at once
        if cell.replies:
            break
        peer.answer_input(cell.prompts[answered], "assay")
        answered += 1
    peer.finish(cell)


@check(
    "STDIN-01.1",
    "code that asks for input gets the answer",
    snippets=("input",),
    mistake="The answer is read from another socket, or its content is not looked at.",
)
def input_is_answered(kernel: Testee) -> Outcome:
    code = kernel.snippet("input", prompt="assay")
    cell = kernel.peer.execute(code, allow_stdin=True, wait=False)
    if not kernel.peer.wait_for(lambda: cell.prompts or cell.replies):
        return failed("an input_request or the end of the cell", "neither", cell)
    must_have_asked(cell)
    if len(cell.prompts) != 1 or cell.prompts[0].msg_type != "input_request":
        found = ", ".join(one.msg_type for one in cell.prompts)
        return failed("one input_request", found, cell)
    word = new_name()
    kernel.peer.answer_input(cell.prompts[0], word)
    kernel.peer.finish(cell)
    if cell.status != "ok" or word not in cell.text():
        got = f"status {cell.status!r}, {cell.text()!r}"
        return failed(f"status ok, and {word!r} printed", got, cell)
    if len(cell.prompts) != 1:
        return failed("one input_request", f"{len(cell.prompts)}", cell)
    return passed()


def _does_not_ask(kernel: Testee, code: str) -> Outcome:
    peer = kernel.peer
    start = len(peer.on(STDIN))
    cell = peer.execute(code, allow_stdin=False, wait=False)
    peer.wait_for(lambda: cell.prompts or cell.replies)
    if cell.prompts:
        return failed("no input_request", "one", cell)
    if cell.reply is None:
        return failed("an execute_reply", "none", cell)
    if not peer.quiet():
        return failed("an answer to the next request", "none", cell)
    if cell.prompts or peer.on(STDIN)[start:]:
        return failed("nothing on stdin", peer.on(STDIN)[-1].msg_type, cell)
    must_run(kernel)
    return passed()


@check(
    "STDIN-03.1",
    "code that asks for input sends no input_request if allow_stdin is false",
    snippets=("input", "print"),
    also=("EXEC-15",),
    mistake="allow_stdin is not looked at, and the cell hangs.",
)
def no_prompt_unless_allowed(kernel: Testee) -> Outcome:
    return _does_not_ask(kernel, kernel.snippet("input", prompt="assay"))


@check(
    "STDIN-03.2",
    "code that asks for a password sends no input_request if allow_stdin is false",
    snippets=("password", "print"),
    also=("EXEC-15",),
)
def no_password_unless_allowed(kernel: Testee) -> Outcome:
    return _does_not_ask(kernel, kernel.snippet("password", prompt="assay"))


@check(
    "STDIN-03.3",
    "allow_stdin does not outlast its request",
    snippets=("input", "print"),
    also=("EXEC-15",),
    mistake="The flag of one request is kept for the next.",
)
def permission_ends(kernel: Testee) -> Outcome:
    allowed = _ask(kernel)
    _end(kernel.peer, allowed)
    prompts = len(kernel.peer.on(STDIN))
    code = kernel.snippet("input", prompt="assay")
    cell = kernel.peer.execute(code, allow_stdin=False, wait=False)
    kernel.peer.wait_for(lambda: cell.prompts or cell.replies)
    if cell.prompts or len(kernel.peer.on(STDIN)) > prompts:
        return failed("no input_request", "one", allowed, cell)
    if cell.reply is None:
        return failed("an execute_reply", "none", cell)
    return passed()


@check(
    "STDIN-03.4",
    "what code that asks for input does if allow_stdin is missing",
    snippets=("input", "print"),
    also=("EXEC-15", "EXEC-28"),
)
def default_of_permission(kernel: Testee) -> Outcome:
    code = kernel.snippet("input", prompt="assay")
    fields = {name: value for name, value in DEFAULTS.items() if name != "allow_stdin"}
    draft = execution(kernel.peer, code, **fields).unjudged()
    cell = kernel.peer.send(draft)
    kernel.peer.wait_for(lambda: cell.prompts or cell.replies)
    if cell.prompts:
        return note(
            "it asks; the text has no default for allow_stdin (AMB-44)",
            expected="no input_request",
            got="one",
            evidence=(cell,),
        )
    if cell.reply is None:
        return failed("an execute_reply or an input_request", "nothing", cell)
    must_run(kernel)
    return passed()


@check("STDIN-04.1", "how code that must not ask for input ends", snippets=("input",))
def how_it_ends(kernel: Testee) -> Outcome:
    code = kernel.snippet("input", prompt="assay")
    cell = kernel.peer.execute(code, allow_stdin=False)
    reply = cell.replied()
    return note(f"with status {reply.status!r} {reply.text('ename')}".strip(), evidence=(cell,))


@check(
    "STDIN-06.1",
    "only the client whose code asks is prompted",
    snippets=("input",),
    mistake="The prompt goes to the client that connected first, or to all.",
)
def only_one_is_asked(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    # The kernel could reach either.
    for peer in (kernel.peer, other):
        peer.must_be_askable()
        peer.ask("kernel_info_request")
    start = len(kernel.peer.on(STDIN))
    asking = other.execute(kernel.snippet("input", prompt="assay"), allow_stdin=True, wait=False)
    other.wait_for(lambda: asking.prompts or asking.replies or kernel.peer.on(STDIN)[start:])
    if kernel.peer.on(STDIN)[start:]:
        return failed("no prompt for another client", "one", *kernel.peer.on(STDIN)[start:])
    if not asking.prompts and not asking.replies:
        return failed("an input_request or the end of the cell", "neither", asking)
    must_have_asked(asking)
    other.answer_input(asking.prompts[0], "assay")
    other.finish(asking)
    kernel.peer.quiet()
    if kernel.peer.on(STDIN)[start:]:
        return failed("no prompt for another client", "one", *kernel.peer.on(STDIN)[start:])
    return passed()


@check(
    "STDIN-07.1",
    "the parent of an input_request is the header of its execute_request",
    snippets=("input",),
)
def parent_of_prompt(kernel: Testee) -> Outcome:
    code = kernel.snippet("input", prompt="assay")
    start = len(kernel.peer.on(STDIN))
    cell = kernel.peer.execute(code, allow_stdin=True, wait=False)
    kernel.peer.wait_for(lambda: kernel.peer.on(STDIN)[start:] or cell.replies)
    if not kernel.peer.on(STDIN)[start:]:
        must_have_asked(cell)
    prompt = kernel.peer.on(STDIN)[start]
    _end(kernel.peer, cell)
    wrong = [key for key in cell.header if prompt.parent_header.get(key) != cell.header[key]]
    if wrong:
        return failed(
            f"{wrong[0]} {cell.header[wrong[0]]!r} in the parent header",
            repr(prompt.parent_header.get(wrong[0])),
            cell,
            prompt,
        )
    return passed()


def _prompt_form(kernel: Testee, snippet: str, *, secret: bool) -> Outcome:
    cell = _ask(kernel, snippet)
    prompt = cell.prompts[0]
    _end(kernel.peer, cell)
    outcome = has_shape(prompt, {"prompt": TEXT, "password": BOOLEAN})
    if outcome != passed():
        return outcome
    if prompt.content["password"] is not secret:
        return failed(f"password {secret}", f"{prompt.content['password']}", prompt)
    if "assay" not in prompt.text("prompt"):
        return failed("the text of the prompt", repr(prompt.text("prompt")), prompt)
    return passed()


@check(
    "STDIN-08.1",
    "an input_request for a line has its prompt, and password false",
    snippets=("input",),
)
def form_of_prompt(kernel: Testee) -> Outcome:
    return _prompt_form(kernel, "input", secret=False)


@check(
    "STDIN-08.2",
    "an input_request for a secret has its prompt, and password true",
    snippets=("password",),
    mistake="Secrets are asked for as any line, and shown while they are typed.",
)
def form_of_password(kernel: Testee) -> Outcome:
    return _prompt_form(kernel, "password", secret=True)


@check(
    "STDIN-09.1",
    "code gets the value of an input_reply as it is",
    snippets=("input",),
    mistake="A line end is expected and cut off, or the text is stripped.",
)
def value_is_unchanged(kernel: Testee) -> Outcome:
    before = ""
    for value in VALUES:
        cell = _ask(kernel)
        kernel.peer.answer_input(cell.prompts[0], value)
        kernel.peer.finish(cell)
        if cell.status != "ok":
            return failed(f"status ok after {value!r}", cell.answer, cell)
        if value == VALUES[0] and value in cell.text():
            # What is printed may have the end of a shell's prompt before it.
            before, _, _ = cell.text().partition(value)
        if cell.text().removeprefix(before) not in {value, f"{value}\n"}:
            return failed(f"{value!r} printed", repr(cell.text()), cell)
    return passed()


@check(
    "STDIN-10.1",
    "an answer that is just U+0004 is the end of input",
    snippets=("input",),
)
def end_of_file(kernel: Testee) -> Outcome:
    cell = _ask(kernel)
    kernel.peer.answer_input(cell.prompts[0], "\x04")
    kernel.peer.finish(cell)
    if cell.reply is None:
        return failed("an execute_reply", "none", cell)
    if "\x04" in cell.text():
        return note(
            "the code gets the character; the text does not say how input ends (AMB-65)",
            expected="the end of input",
            got=repr(cell.text()),
            evidence=(cell,),
        )
    return not_alive(kernel) or passed()


def _answers_arrive(kernel: Testee) -> bool:
    """Return whether code gets the one answer to a prompt, with nothing wrong before it.

    Also where that cannot be tried any more, as of a kernel that a wrong answer has stopped.
    """
    try:
        cell = _ask(kernel)
    except Skip:
        return True
    kernel.peer.answer_input(cell.prompts[0], "right")
    kernel.peer.finish(cell)
    return "right" in cell.text()


def _is_not_taken(kernel: Testee, cell: Response) -> Outcome:
    """Say whether *cell* still waits after a wrong answer, and takes the right one then.

    Raises:
        Skip: the code gets no answer of any kind; that is for STDIN-01.

    A prompt that waits looks like one that is slow, so the right answer follows, and
    which of the two was printed tells them apart.
    """
    kernel.peer.answer_input(cell.prompts[0], "right")
    kernel.peer.finish(cell)
    if "wrong" in cell.text():
        return failed("the answer of the client that was asked", "another", cell)
    if cell.status != "ok" or "right" not in cell.text():
        if not _answers_arrive(kernel):
            raise Skip("the code gets no answer (STDIN-01)")
        got = "no reply" if cell.reply is None else f"status {cell.status!r}, {cell.text()!r}"
        return failed("'right' printed", got, cell)
    return passed()


@check(
    "STDIN-11.1",
    "an input_reply of another client does not answer a prompt",
    snippets=("input",),
    mistake="Whatever comes on stdin next is the answer.",
)
def other_client(kernel: Testee) -> Outcome:
    other = kernel.connect("two")
    _is_connected(kernel, other)
    cell = _ask(kernel)
    prompt = cell.prompts[0]
    draft = other.draft("input_reply", {"value": "wrong"}).with_parts(parent_header=prompt.header)
    other.send(draft.unjudged(), channel=STDIN)
    _await_effect(kernel, cell)
    return _is_not_taken(kernel, cell)


def _is_connected(kernel: Testee, peer: Peer) -> None:
    """Answer a prompt by *peer*: its stdin connects by itself, and may do so later than its shell.

    Raises:
        Skip: it is not asked.
    """
    _end(peer, _ask(kernel, peer=peer))


def _await_effect(kernel: Testee, cell: Response) -> None:
    """Give a wrong answer time to be taken: control shows that the kernel goes on reading."""
    for _ in range(3):
        asked = kernel.peer.send("kernel_info_request", channel=Channel.CONTROL)
        kernel.peer.wait_for(lambda: cell.replies or asked.replies, kernel.limits.grace)  # noqa: B023 - called at once


@check(
    "STDIN-11.2",
    "a message of another type does not answer a prompt",
    snippets=("input",),
    mistake="Whatever comes on stdin next is the answer.",
)
def other_type(kernel: Testee) -> Outcome:
    cell = _ask(kernel)
    draft = kernel.peer.draft("assay_invented_reply", {"value": "wrong"})
    prompt = cell.prompts[0]
    kernel.peer.send(draft.with_parts(parent_header=prompt.header).unjudged(), channel=STDIN)
    _await_effect(kernel, cell)
    return _is_not_taken(kernel, cell)


@check(
    "STDIN-11.3",
    "an input_reply with a wrong signature does not answer a prompt",
    snippets=("input",),
    also=("SIGN-08",),
    mistake="Messages on stdin are read without being verified.",
)
def forged_answer(kernel: Testee) -> Outcome:
    if not kernel.connection.key:
        raise Skip("the connection has no key")
    cell = _ask(kernel)
    draft = kernel.peer.draft("input_reply", {"value": "wrong"})
    prompt = cell.prompts[0]
    draft = draft.with_parts(parent_header=prompt.header, signature=b"0" * 64)
    kernel.peer.send(draft.unjudged(), channel=STDIN)
    _await_effect(kernel, cell)
    return _is_not_taken(kernel, cell)


@check(
    "STDIN-11.4",
    "an input_reply that came before the prompt does not answer it",
    snippets=("input", "nothing"),
    mistake="Old messages stay in the socket and are taken as the next answer.",
)
def early_answer(kernel: Testee) -> Outcome:
    kernel.peer.execute(kernel.snippet("nothing")).succeeded()
    _is_connected(kernel, kernel.peer)
    draft = kernel.peer.draft("input_reply", {"value": "wrong"})
    kernel.peer.send(draft.unjudged(), channel=STDIN)
    return _is_not_kept(kernel)


def _is_not_kept(kernel: Testee) -> Outcome:
    """Say whether the next prompt waits for its own answer."""
    for _ in range(3):
        # Shell and stdin are two connections: what follows on shell gives stdin time to arrive.
        kernel.peer.execute(kernel.snippet("nothing"))
    code = kernel.snippet("input", prompt="assay")
    cell = kernel.peer.execute(code, allow_stdin=True, wait=False)
    kernel.peer.wait_for(lambda: cell.prompts or cell.replies)
    if "wrong" in cell.text():
        return failed("the answer to this prompt", "one that was sent before it", cell)
    must_have_asked(cell)
    return _is_not_taken(kernel, cell)


@check(
    "STDIN-11.5",
    "a second input_reply to one prompt does not answer the next",
    snippets=("input", "nothing"),
)
def second_answer(kernel: Testee) -> Outcome:
    cell = _ask(kernel)
    for word in ("right", "wrong"):
        draft = kernel.peer.draft("input_reply", {"value": word})
        draft = draft.with_parts(parent_header=cell.prompts[0].header)
        kernel.peer.send(draft.unjudged(), channel=STDIN)
    kernel.peer.finish(cell)
    if cell.status != "ok":
        raise Skip("the cell that asks does not succeed (STDIN-01)")
    return _is_not_kept(kernel)


@check(
    "STDIN-12.1",
    "a shutdown_request is answered while code waits for input",
    fresh=True,
    process=True,
    snippets=("input",),
    slow=True,
    mistake="The prompt holds the one loop that reads control.",
)
def shutdown_at_prompt(kernel: Testee) -> Outcome:
    cell = _ask(kernel)
    asked = shut_down(kernel)
    if asked.reply is None:
        must_serve_shutdown(kernel)
        return failed("a shutdown_reply", "none", cell, asked)
    return passed()


@check(
    "STDIN-12.2",
    "an interrupt ends a cell that waits for input, and the next cell runs",
    process=True,
    snippets=("input", "print"),
    slow=True,
    also=("CTRL-17",),
)
def interrupt_at_prompt(kernel: Testee) -> Outcome:
    cell = _ask(kernel)
    kernel.own_process().interrupt()
    if not kernel.peer.wait_for(lambda: cell.replies):
        return failed("an execute_reply after the interrupt", "none", cell)
    kernel.peer.finish(cell)
    following = kernel.peer.execute(kernel.snippet("print", text="behind"))
    return printed(following, "behind", "the next cell", cell, following)


@check(
    "STDIN-13.1",
    "what a cell printed arrives before its prompt is answered",
    snippets=("print", "input"),
    mistake="Output waits in a buffer until the cell has ended.",
)
def output_before_prompt(kernel: Testee) -> Outcome:
    peer = kernel.peer
    code = lines(kernel.snippet("print", text="before"), kernel.snippet("input", prompt="assay"))
    cell = peer.execute(code, allow_stdin=True, wait=False)
    peer.wait_for(lambda: cell.prompts or cell.replies)
    must_have_asked(cell)
    came = peer.wait_for(lambda: "before" in cell.text())
    _end(peer, cell)
    return passed() if came else failed("the text while the prompt waits", "none", cell)


@check(
    "STDIN-14.1",
    "three prompts of one cell get an answer each",
    snippets=("input",),
)
def several_prompts(kernel: Testee) -> Outcome:
    peer = kernel.peer
    code = lines(*(kernel.snippet("input", prompt=f"assay {n}") for n in range(3)))
    cell = peer.execute(code, allow_stdin=True, wait=False)
    words = [new_name() for _ in range(3)]
    for number, word in enumerate(words):
        if not peer.wait_for(lambda: cell.replies or len(cell.prompts) > number):  # noqa: B023 - called at once
            return failed(f"prompt {number + 1} of three", "none", cell)
        if len(cell.prompts) <= number:
            if number == 0:
                raise Skip("the code does not ask for input")
            if not _answers_arrive(kernel):
                raise Skip("the code gets no answer (STDIN-01)")
            return failed(f"prompt {number + 1} of three", "the end of the cell", cell)
        peer.answer_input(cell.prompts[number], word)
    peer.finish(cell)
    places = [cell.text().find(word) for word in words]
    if cell.status != "ok" or -1 in places or places != sorted(places):
        return failed(f"{words} printed", f"status {cell.status!r}, {cell.text()!r}", cell)
    return passed()
