"""What the matrix cannot promise, with the reason. Each list shall become shorter."""

from __future__ import annotations

from collections.abc import Mapping

TOTAL = frozenset(
    {
        "shell-no-idle", "shell-no-idle-of-execute", "shell-no-status-of-kernel-info",
        "shell-no-busy", "shell-idle-before-output", "shell-idle-before-streams",
        "shell-reply-type-bare", "shell-reply-type-of-the-request", "shell-execute-unanswered",
        "shell-info-unanswered", "shell-last-first", "shell-status-only-of-execute",
        "hdr-parent-of-replies-missing", "hdr-parent-of-replies-renewed", "hdr-msg-id-missing",
        "hdr-parent-of-replies-short", "hdr-parent-of-status-missing", "hdr-parent-of-the-last",
        "hdr-parent-of-control-missing", "hdr-content-wrong",
        "wire-content-text",
        "wire-reply-to-last", "wire-first-client-only", "wire-prefix-cut", "wire-four-frames",
        "wire-metadata-null", "info-once", "info-control-unanswered", "info-control-empty",
        "exec-silent-by-default", "sign-key-decoded", "sign-other-order", "wire-one-prefix-frame",
        "hdr-username-needed", "hdr-metadata-refused", "wire-unknown-header-refused",
        "wire-control-replies-on-shell", "sign-new-serialisation",
        "ctrl-no-status", "ctrl-status-without-parent", "shell-no-idle-after-error",
        "exec-interrupt-stays", "stdin-request-type", "stdin-other-client", "iopub-no-welcome",
        "ctrl-slow-while-busy", "shell-busy-last", "exec-no-input", "iopub-blocks",
        "hb-stops-while-busy", "ctrl-shutdown-slow", "ctrl-shutdown-stays",
        "ctrl-mute",
    }
)  # fmt: skip
"""Faults that make almost every check wait in vain: they are asked only what is meant for them."""

EITHER: Mapping[str, Mapping[str, str]] = {
    "subshell-prints-nothing": {
        "HIST-12.0": "cells of subshells stand in the history in the order in which they end"
    },
}
"""Checks that a row may fail or pass: by row and check, the reason."""

LEFT_OPEN = "it describes what the text leaves open, and never fails"

UNBITTEN: Mapping[str, str] = {
    "EXEC-25.1": LEFT_OPEN,
    "COMPLETE-11.1": LEFT_OPEN,
    "INSPECT-05.1": LEFT_OPEN,
    "HIST-09.1": LEFT_OPEN,
    "HIST-10.1": LEFT_OPEN,
    "ISCOMPLETE-06.1": LEFT_OPEN,
    "DEBUG-14.1": LEFT_OPEN,
    "SUBSHELL-13.1": LEFT_OPEN,
    "SUBSHELL-18.1": LEFT_OPEN,
    "IOPUB-24.1": LEFT_OPEN,
    "STDIN-03.4": LEFT_OPEN,
    "STDIN-04.1": LEFT_OPEN,
    "IOPUB-08.1": "one XPUB socket gives all subscribers the same frames",
    "CTRL-05.2": "no fault yet leaves a process behind that holds the ports",
    "CONN-14.1": "a kernel that serves shell late is given up before it is asked",
    "HANDSHAKE-10.1": "a kernel that refuses connection files cannot be asked at all",
    "CONN-02.1": "a kernel elsewhere than its file says cannot be asked at all",
}
"""Checks that no fault fails: by check, the reason."""

UNCAUGHT: Mapping[str, str] = {
    "exec-queued-output-lost": "No check of output has cells that wait.",
    "handshake-connection-file-refused": "it does not start with the file of the checks",
    "iopub-surrogates": "no snippet prints a lone surrogate",
    "exec-result-of-each": "no snippet has a value before it raises",
    "inspect-utf16": "a name of one character is found from both places",
    "history-one-session": "different sessions are a note for kernels without a lasting history",
    "comm-metadata-lost": "no check asks for the metadata of an echo, which are optional",
    "ctrl-idle-interrupt-stays": "the check looks at the reply alone",
    "subshell-unknown-unanswered": "our own reading asks for the reply, and the text for an error",
    "stdin-other-client": "without a prompt there is nothing to judge",
    "iopub-of-first-client": "no check compares what a second client's cell publishes",
    "stdin-stale-answers": "no check answers with the parent of an older prompt",
}
"""Faults that fail no check that is meant for them though there are some: by row, the reason."""
