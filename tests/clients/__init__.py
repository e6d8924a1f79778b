"""Assay seen through the clients that people use."""
