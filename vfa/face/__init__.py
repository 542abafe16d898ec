"""Faces in images: landmarks, their topology, smoothing, crops, tracking and depth from landmarks."""
