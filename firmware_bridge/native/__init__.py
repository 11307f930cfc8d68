"""The native protocol, from bytes to `Controller`; PROTOCOL.md is normative."""
