"""Check the kernels that people use, and keep what was found: ``python -m scripts.kernels``."""
