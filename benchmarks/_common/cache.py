"""File names in the cache."""

import hashlib


def keyed_file(folder, key, prefix="", suffix=".npy"):
    """Return the file for `key`, a text with everything that the content depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    return folder / f"{prefix}{digest}{suffix}"
