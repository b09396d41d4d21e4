"""What gateways are to do, given to their agents as soon as it changes."""
