"""How trainings are run: snapshot, fingerprints, spool, workers and the local runner."""
