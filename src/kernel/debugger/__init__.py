"""Debugging of cells: the Debug Adapter Protocol between a client and debugpy, in this process.

Imported with the first debug_request; debugpy itself with the first ``initialize``.
"""
