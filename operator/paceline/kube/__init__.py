"""The only code that talks to the API server: client, cache, queue, resync, leader, apply, events."""
