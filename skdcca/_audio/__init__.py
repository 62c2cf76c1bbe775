"""Audio: reading songs, and features of them."""
