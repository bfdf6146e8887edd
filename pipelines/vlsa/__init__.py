"""Chat about an image, its reconstruction and its tokens (VLSA); importing this package loads nothing."""
