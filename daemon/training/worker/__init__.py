"""A worker: takes legs from a campaign's spool and trains them, in a process that outlives the campaign's."""
