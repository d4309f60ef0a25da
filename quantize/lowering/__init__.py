"""From a description and its calibration to a program."""
