"""What was asked, found and said: kept in one SQLite file of the user's, written off the event loop."""
