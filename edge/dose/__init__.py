"""What the object receives: kept from the journal, mapped by cell, and held to limits."""
