"""Old protocol versions: 3 (IPython 0.12, 0.13), 4.0 and 4.1, translated to 5.5 and back.

A `Translator` stands between an old peer and everything else here, which knows 5.5 alone. It is
pure like the rest of the protocol: messages in, messages out, and a bounded memory of what was
asked, because some answers cannot be worded without their question.
"""

from assay.protocol.versions._draft import MessageDict, structure_message, unstructure_message
from assay.protocol.versions._frames import FrameCodec, Recognition, recognize
from assay.protocol.versions._memory import Asked, AskedComplete, AskedExecute, AskedInspect
from assay.protocol.versions._translator import Translator
from assay.protocol.versions._version import ProtocolVersion, version_of

__all__ = [
    "Asked",
    "AskedComplete",
    "AskedExecute",
    "AskedInspect",
    "FrameCodec",
    "MessageDict",
    "ProtocolVersion",
    "Recognition",
    "Translator",
    "recognize",
    "structure_message",
    "unstructure_message",
    "version_of",
]
