"""A script that lets you look around in the middle of its work, and goes on afterwards.

    python examples/embedding/script.py

It stops in `weigh` and says how to connect. What you change in `notes` stays changed.
"""

from __future__ import annotations

from assay.kernel import embed


def weigh(grams: list[float]) -> dict[str, float]:
    """Return the sum and the mean of *grams*, after a look at them."""
    notes = {"sum": sum(grams), "mean": sum(grams) / len(grams)}
    embed()  # cells see `grams`, `notes`, and what this module has
    return notes


if __name__ == "__main__":
    print(weigh([61.2, 63.9]))
