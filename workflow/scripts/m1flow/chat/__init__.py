"""Chats: a user turn in, reasoning and an answer out, each asked once."""
