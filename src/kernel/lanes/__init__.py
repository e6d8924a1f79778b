"""Where a request runs: the main thread, its event loop, the control lane, the shutdown."""
