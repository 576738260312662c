"""What one user has done and holds: session, undo history, memory."""
