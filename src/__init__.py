"""Assay: the Jupyter kernel protocol, strictly typed, in layers that work alone.

`assay.protocol` turns bytes into messages and back; `assay.transport` carries them over ZeroMQ;
`assay.kernel` answers them. `assay.conformance` judges other kernels and `assay.testing` feeds
property-based tests. Importing this package imports none of them.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
