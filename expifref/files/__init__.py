"""Files of this project and of others: opened with suspicion, written whole or not at all."""
