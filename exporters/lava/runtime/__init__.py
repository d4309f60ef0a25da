"""What is the same in every folder for Lava: Python 3.10 and NumPy alone, and nothing of expifref."""
