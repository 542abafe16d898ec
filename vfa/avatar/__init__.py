"""What is driven: coefficients, meshes and portraits as one Avatar type."""

from vfa.avatar.avatar import Avatar, load_avatar

__all__ = ["Avatar", "load_avatar"]
