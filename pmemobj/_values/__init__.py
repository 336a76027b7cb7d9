"""Python values to 64-bit words and back."""
