"""First drafts of model files: what lies around a script, read and written."""
