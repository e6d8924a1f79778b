"""Strategies and fakes for tests of anything that speaks the protocol.

Everything here is made for `Hypothesis <https://hypothesis.works>`_ and needs nothing but
`assay.protocol`. A test of a kernel, client or proxy in another project looks like this::

    @given(messages("execute_request"))
    def test_a_request_survives_the_proxy(message):
        link = linked_sessions()
        link.client.send(message)
        assert link.kernel.receive().message == message
"""

from assay.testing._contents import MalformedContent, contents, malformed_contents
from assay.testing._conversations import Step, conversations
from assay.testing._frames import (
    AdversarialFrames,
    MutatedFrames,
    SignedFrames,
    adversarial_frames,
    buffers,
    frames,
    identities,
    mutated_frames,
    truncated_frames,
)
from assay.testing._messages import (
    headers,
    ids,
    keys,
    message_types,
    messages,
    register_types,
    schemes,
)
from assay.testing._sessions import (
    NOON,
    End,
    Link,
    as_bytes,
    counted_ids,
    linked_sessions,
    make_session,
    standing_clock,
)
from assay.testing._values import hostile_values, json_objects, json_values, texts

__all__ = [
    "NOON",
    "AdversarialFrames",
    "End",
    "Link",
    "MalformedContent",
    "MutatedFrames",
    "SignedFrames",
    "Step",
    "adversarial_frames",
    "as_bytes",
    "buffers",
    "contents",
    "conversations",
    "counted_ids",
    "frames",
    "headers",
    "hostile_values",
    "identities",
    "ids",
    "json_objects",
    "json_values",
    "keys",
    "linked_sessions",
    "make_session",
    "malformed_contents",
    "message_types",
    "messages",
    "mutated_frames",
    "schemes",
    "standing_clock",
    "texts",
    "truncated_frames",
]

register_types()
