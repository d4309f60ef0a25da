"""`make bench`: our executors, the float model, hand-written C and other simulators, timed side by side."""
