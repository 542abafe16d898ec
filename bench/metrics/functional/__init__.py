"""Metrics as pure functions: arrays in, numbers out; no files, no state, no models.

Each module is one family. Functions over a clip return one value per frame, so that the caller chooses between
pooling frames and averaging videos. A frame that cannot be scored gives NaN, never 0.
"""
