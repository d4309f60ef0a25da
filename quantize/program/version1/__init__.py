"""Files of version 1: read, and translated at once; nothing else knows of them."""
