"""PandABox: what the timing hardware saw, over its TCP data port."""
