"""AeroGear UnifiedPush Server (https://github.com/aerogear/aerogear-unifiedpush-server): senders and devices under
`/rest`, as its REST interface and its published clients have it.

sender:    request (its words, as a model) ──▶ mapping (one message as one send; pure) ──▶ sender (the endpoints)
devices:   installation (its words) ──▶ registry (register, unregister, import), opened (which message was opened)
both:      credentials (who asks) · manners (addresses and headers that its clients count on)
"""
