"""doors: other servers' APIs, so that their senders need not change; each turns their requests into sends of ours."""
