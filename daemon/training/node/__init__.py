"""On a node of a cluster: starts a worker with an environment of its own, and ends with it all that it started."""
