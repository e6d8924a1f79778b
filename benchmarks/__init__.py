"""Measure Jupyter kernels over the wire, side by side, in one run.

Nothing here imports the kernel that is measured, nor any other implementation of the protocol:
the client is a few functions over raw ZeroMQ, so that it costs every kernel the same and little.
"""
