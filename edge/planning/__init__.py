"""From mask to checked plan, and what is shown of one before anything moves."""
