"""How other programs of this computer ask something of a running scan: a socket, one line each way."""
