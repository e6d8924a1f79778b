"""What the byte vectors are made of, by subject; `spec/make_vectors.py` writes them out.

Nothing here imports the package under test, so that a fault of its codec cannot hide in the
vectors: only the standard library is used, and what was recorded from other implementations.
"""
