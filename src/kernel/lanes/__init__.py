"""Where a request runs: the router, the main lane, the control lane, the shutdown."""
