"""From the event outbox to the outside."""
