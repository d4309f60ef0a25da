"""What fits a device, and on which core."""
