"""From bytes to messages and back: JSON, frames, signatures, structure, the session."""
