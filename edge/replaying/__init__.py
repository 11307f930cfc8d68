"""What is known of an object already, measured again in thought: sources, cells chosen from them, scores."""
