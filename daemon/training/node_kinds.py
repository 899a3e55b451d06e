"""What a kind of node is called where several processes must agree on it; so it needs nothing at all."""

KIND = "RETUNED_NODE_KIND"
"""The variable that says a worker its kind of node; in that of a node its owner may say it himself."""
PINS = "pins"
"""The folder of a spool that holds on which kind of node each pair trains."""
