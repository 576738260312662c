"""The Candidates page: searches toward a goal."""
