"""People of an LDAP directory.

libldap waits without letting go of the interpreter, and its TLS handshake without end:
each question is asked by a process of its own (``asking``), which ends with it.
"""
