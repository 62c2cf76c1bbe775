"""Lyrics: tokens, and features of them."""
