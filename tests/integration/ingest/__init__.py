"""ingest as its callers see it: over HTTP, on a real broker and a real store."""
