"""Kernels that break one rule each, and a good one that they are made from."""
