"""The server behind the pages: jobs, queue, limits, model, sign-in, sessions."""
