"""One re-evaluation from request to verdict, one file a phase."""
