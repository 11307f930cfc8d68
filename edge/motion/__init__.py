"""How the stage moves: what is known of it, what a way costs, what a scan shows of it."""
