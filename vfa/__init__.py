"""Versatile Face Animator: a recorded performance drives an arbitrary 3D face mesh."""
