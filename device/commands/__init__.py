"""The commands of gaudi-box, one file a subject; device/cli.py puts them together."""
