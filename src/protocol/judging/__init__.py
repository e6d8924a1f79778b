"""What is wrong with a message or a conversation, by requirement id."""
