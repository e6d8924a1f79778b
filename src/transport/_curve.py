"""Pairs of CURVE keys: whether they can be used. Few kernels have some: others start without this.

The text asks of a key that it has 40 characters (CONN-06). A kernel with a pair that does not
belong together would listen, and answer no client.
"""

from __future__ import annotations

import zmq

from assay.protocol import Curve

__all__ = ["why_unusable"]


def why_unusable(curve: Curve) -> str:
    """Return why *curve* cannot encrypt anything here; nothing if it can."""
    if not zmq.has("curve"):
        return (
            "the connection has CURVE keys, and the ZeroMQ of this Python cannot encrypt: "
            "wanted one that was built with libsodium"
        )
    try:
        belonging = zmq.curve_public(curve.secret_key.encode("ascii"))
    except zmq.ZMQError:
        return "curve_secretkey: wanted a key that Z85 can hold, found another text"
    if belonging.decode("ascii") != curve.public_key:
        return "curve_publickey: wanted the one that belongs to curve_secretkey, found another key"
    return ""
