"""All that is process-wide: signals, fork, exit, import hooks, the parent process."""
