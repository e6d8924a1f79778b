"""What answers a request. Nothing here knows of signals, processes or threads of its own."""
