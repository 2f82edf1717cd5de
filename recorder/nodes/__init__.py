"""Nodes: hosts that classify images for the daemon, home, over one connection each.

``home`` is the daemon's side, ``node`` the process on another host. What both say to
each other is in ``messages``; who takes part and who has which image is decided by
``members`` and ``desk``, which get the time as an argument and open nothing.
"""
