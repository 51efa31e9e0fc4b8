"""Chats, which take a user's turn and return reasoning and an answer; each turn is asked once."""
