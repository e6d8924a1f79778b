"""What launchers and kernels write to disk, and the start-up handshake."""
