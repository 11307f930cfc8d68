"""Fuzzing of everything that takes bytes or text from outside: codecs, sessions, fault scripts, the twins' cores."""
