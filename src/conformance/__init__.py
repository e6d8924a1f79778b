"""Room for the checks of other kernels, which will judge by `assay.protocol.check_conversation`."""
