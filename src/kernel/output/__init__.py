"""What user code writes, in any thread: streams, descriptors, IOPub, parents."""
