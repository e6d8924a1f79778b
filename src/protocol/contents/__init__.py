"""One class for the content of each message type, sorted by subject."""
