"""Chats: they take a user's turn and give reasoning and an answer; each turn is asked once."""
