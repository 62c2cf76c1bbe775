"""Map files into memory, and skip the tags before their audio."""

import mmap
import os
from contextlib import contextmanager


@contextmanager
def mapped(path):
    """Map a file into memory, so that only the pages that are used are read."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:  # cannot be mapped
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def skip_tags(data, position):
    """Return the position after all ID3v2 and APE tags that begin at a position."""
    while True:
        head = data[position : position + 32]
        if head[:3] == b"ID3" and len(head) > 10 and max(head[6:10]) < 128:
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            footer = 10 if head[5] & 0x10 else 0
            position += 10 + size + footer
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            position += 32 + int.from_bytes(head[12:16], "little")
        else:
            return position
