"""Face-region extraction: one square box per video, as the avatar benchmark lays its folders out."""
