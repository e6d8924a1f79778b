"""Search for the smallest conversation that a kernel gets wrong: ``assay fuzz``."""
