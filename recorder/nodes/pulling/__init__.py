"""Detectors that the nodes pull from: pixels cross the network once.

A node says at once which image it has (`reports`) and keeps the pixels (`larder`); home
makes records of it (`home_side`), and has it classified where its pixels are.
"""
